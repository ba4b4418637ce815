//! Whoever looks after every poll of some nodes: for steps that are over before any time has passed.

use super::executor::Core;
use parking_lot::Mutex;
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

/// Those that wait. The lock is a leaf; wakers are called and dropped outside it.
#[derive(Default)]
pub(super) struct Watchers {
    waiting: Mutex<Waiting>,
    /// Their number, Relaxed: mostly there is none, and every poll asks.
    count: AtomicUsize,
}

#[derive(Default)]
struct Waiting {
    made: u64,
    watchers: Vec<Watcher>,
}

struct Watcher {
    number: u64,
    nodes: Vec<usize>,
    waker: Waker,
}

impl Watchers {
    /// A task of this node was polled.
    pub(super) fn polled(&self, node: usize) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut waiting = self.waiting.lock();
        let woken: Vec<Watcher> =
            waiting.watchers.extract_if(.., |watcher| watcher.nodes.contains(&node)).collect();
        self.count.store(waiting.watchers.len(), Ordering::Relaxed);
        drop(waiting);
        woken.into_iter().for_each(|watcher| watcher.waker.wake());
    }

    fn enter(&self, nodes: &[usize], waker: &Waker) -> u64 {
        let mut waiting = self.waiting.lock();
        waiting.made += 1;
        let number = waiting.made;
        waiting.watchers.push(Watcher { number, nodes: nodes.to_vec(), waker: waker.clone() });
        self.count.store(waiting.watchers.len(), Ordering::Relaxed);
        number
    }

    /// Waits no more.
    fn leave(&self, number: u64) {
        let mut waiting = self.waiting.lock();
        let gone: Vec<Watcher> =
            waiting.watchers.extract_if(.., |watcher| watcher.number == number).collect();
        self.count.store(waiting.watchers.len(), Ordering::Relaxed);
        drop(waiting);
        drop(gone);
    }

    /// Puts another waker in; false when it waits no more.
    fn renew(&self, number: u64, waker: &Waker) -> bool {
        let mut waiting = self.waiting.lock();
        let found = waiting.watchers.iter_mut().find(|watcher| watcher.number == number);
        let Some(watcher) = found else { return false };
        let former = std::mem::replace(&mut watcher.waker, waker.clone());
        drop(waiting);
        drop(former);
        true
    }
}

/// Resolves after the next poll of a task of one of the nodes.
pub(super) struct Polled {
    core: Arc<Core>,
    nodes: Vec<usize>,
    entered: Option<u64>,
}

impl Polled {
    pub(super) fn new(core: Arc<Core>, nodes: Vec<usize>) -> Self {
        Self { core, nodes, entered: None }
    }
}

impl Future for Polled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let watchers = &self.core.watchers;
        match self.entered {
            Some(number) if watchers.renew(number, context.waker()) => Poll::Pending,
            Some(_) => Poll::Ready(()),
            None => {
                self.entered = Some(watchers.enter(&self.nodes, context.waker()));
                Poll::Pending
            }
        }
    }
}

impl Drop for Polled {
    fn drop(&mut self) {
        if let Some(number) = self.entered {
            self.core.watchers.leave(number);
        }
    }
}
