//! Timers in virtual time.

use super::executor::Core;
use crate::Time;
use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

/// Deadline, then order of registration.
pub(super) type TimerKey = (Time, u64);

/// All timers that wait.
#[derive(Default)]
pub(super) struct Timers {
    waiting: BTreeMap<TimerKey, Waker>,
    registered: u64,
}

impl Timers {
    pub(super) fn next(&self) -> Option<Time> {
        self.waiting.keys().next().map(|key| key.0)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Takes the first timer that is due, and says which it was.
    pub(super) fn take_due(&mut self, now: Time) -> Option<(u64, Waker)> {
        let first = self.waiting.first_entry().filter(|first| first.key().0 <= now)?;
        let ((_, number), waker) = first.remove_entry();
        Some((number, waker))
    }

    fn register(&mut self, deadline: Time, waker: Waker) -> TimerKey {
        self.registered += 1;
        let key = (deadline, self.registered);
        self.waiting.insert(key, waker);
        key
    }
}

/// Resolves at its deadline; dropping it removes the timer.
pub(super) struct Sleep {
    core: Arc<Core>,
    /// Whose clock the deadline is of; else the world's.
    node: Option<usize>,
    deadline: Time,
    key: Option<TimerKey>,
}

impl Sleep {
    pub(super) fn new(core: Arc<Core>, node: Option<usize>, deadline: Time) -> Self {
        Self { core, node, deadline, key: None }
    }

    /// The former waker is returned, to be dropped outside the lock.
    fn arm(&mut self, waker: &Waker) -> Option<Waker> {
        let mut state = self.core.state.lock();
        let armed = self.key.and_then(|key| state.timers.waiting.get_mut(&key));
        if let Some(armed) = armed {
            return (!armed.will_wake(waker)).then(|| std::mem::replace(armed, waker.clone()));
        }
        // Once fired it comes here again only if the clock was slowed down meanwhile.
        let due = self.node.map_or(self.deadline, |node| state.nodes[node].skew.world(self.deadline));
        self.key = Some(state.timers.register(due, waker.clone()));
        None
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.core.clock(self.node) >= self.deadline {
            return Poll::Ready(());
        }
        drop(self.arm(context.waker()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let Some(key) = self.key else { return };
        let waker = self.core.state.lock().timers.waiting.remove(&key);
        drop(waker);
    }
}
