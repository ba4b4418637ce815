//! A task as the executor keeps it, and the end that its handle waits for.

use super::ready::TaskWaker;
use parking_lot::Mutex;
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

pub(super) type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A task. Fields are dropped in order: the future's destructor runs before the end is announced.
pub(super) struct Slot {
    /// Absent while it is polled.
    pub(super) future: Option<BoxFuture>,
    pub(super) waker: Arc<TaskWaker>,
    /// Index of its node.
    pub(super) node: usize,
    pub(super) name: &'static str,
    /// To be dropped instead of polled.
    pub(super) is_stopped: bool,
    pub(super) _end: EndGuard,
}

#[derive(Default)]
struct EndState {
    has_ended: bool,
    waiter: Option<Waker>,
}

/// Announces the end of a task when dropped.
pub(super) struct EndGuard(Arc<Mutex<EndState>>);

/// Resolves when the task has ended.
pub(super) struct Ended(Arc<Mutex<EndState>>);

/// The two sides of a task's end.
pub(super) fn end_pair() -> (EndGuard, Ended) {
    let state = Arc::<Mutex<EndState>>::default();
    (EndGuard(Arc::clone(&state)), Ended(state))
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        let waiter = {
            let mut state = self.0.lock();
            state.has_ended = true;
            state.waiter.take()
        };
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }
}

impl Future for Ended {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        if state.has_ended {
            return Poll::Ready(());
        }
        let former = state.waiter.replace(context.waker().clone());
        drop(state);
        drop(former);
        Poll::Pending
    }
}
