//! Tasks are owned: a handle, a shutdown, a join.

use parking_lot::Mutex;
use std::{future::Future, pin::Pin, sync::Arc};

/// Starts tasks. Libraries don't call it: they hand out `run` futures, the assembly spawns them.
pub trait Spawn: Send + Sync {
    /// Runs `future` as a task of its own. `name` shows in traces.
    fn spawn(&self, name: &'static str, future: Pin<Box<dyn Future<Output = ()> + Send>>) -> Task;

    /// Runs a closure that computes for long, away from the threads that answer calls.
    fn heavy(&self, name: &'static str, work: Box<dyn FnOnce() + Send>) -> Task;
}

impl dyn Spawn + '_ {
    /// Runs a closure that computes for long, and waits for what it gives; `None` when it panicked, or the world ended.
    /// Dropping the future leaves the work running to its end.
    pub async fn compute<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let result = Arc::new(Mutex::new(None));
        let place = Arc::clone(&result);
        let keep = move || {
            let value = work();
            *place.lock() = Some(value);
        };
        self.heavy(name, Box::new(keep)).join().await;
        result.lock().take()
    }
}

/// A running task. Dropping the handle stops the task at its next await; [`Task::join`] waits for its end.
/// Heavy work can't be stopped; dropping its handle leaves it running to its end.
pub struct Task {
    stop: Option<Box<dyn FnOnce() + Send + Sync>>,
    ended: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
}

impl Task {
    /// A handle from its two sides: how to stop the task, and a future that resolves when it has ended or
    /// was stopped.
    #[must_use]
    pub fn new(
        stop: impl FnOnce() + Send + Sync + 'static,
        ended: impl Future<Output = ()> + Send + Sync + 'static,
    ) -> Self {
        Self { stop: Some(Box::new(stop)), ended: Box::pin(ended) }
    }

    /// Waits until the task has ended by itself. Dropping the future stops the task.
    pub async fn join(mut self) {
        self.ended.as_mut().await;
        self.stop = None;
    }

    /// Stops the task at its next await.
    pub fn stop(self) {}

    /// Stops the task and waits until its future has been dropped: what it held is free then. On a real machine
    /// that takes the task's own thread some time.
    pub async fn stopped(mut self) {
        if let Some(stop) = self.stop.take() {
            stop();
        }
        self.ended.as_mut().await;
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop();
        }
    }
}
