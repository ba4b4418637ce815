//! The queue of tasks that want to be polled.

use super::world::Order;
use crate::Rng;
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Wake,
};

/// Number of a task, unique in its world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TaskId(pub(super) u64);

/// Tasks that were woken; each at most once, so its length is bounded by the number of tasks. A leaf lock.
#[derive(Default)]
pub(super) struct Ready(Mutex<VecDeque<TaskId>>);

impl Ready {
    pub(super) fn push(&self, task: TaskId) {
        self.0.lock().push_back(task);
    }

    /// Takes the next one: the oldest, or one drawn from `stream`.
    pub(super) fn pop(&self, order: Order, stream: &dyn Rng) -> Option<TaskId> {
        let mut queue = self.0.lock();
        match (order, queue.len()) {
            (_, 0) => None,
            (Order::Fifo, _) | (_, 1) => queue.pop_front(),
            (Order::Random, length) => queue.swap_remove_back(stream.below(length as u64) as usize),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

/// Wakes one task.
pub(super) struct TaskWaker {
    task: TaskId,
    ready: Arc<Ready>,
    /// Whether the task is in the queue (or held by its paused node). Set by whoever wakes, cleared by the
    /// executor just before a poll: a wake during the poll queues the task again. `AcqRel`: what the waker
    /// wrote before waking is seen by the poll, should the two ever be on different threads.
    queued: AtomicBool,
}

impl TaskWaker {
    pub(super) fn new(task: TaskId, ready: Arc<Ready>) -> Arc<Self> {
        Arc::new(Self { task, ready, queued: AtomicBool::new(false) })
    }

    pub(super) fn begin_poll(&self) {
        self.queued.swap(false, Ordering::AcqRel);
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.ready.push(self.task);
        }
    }
}
