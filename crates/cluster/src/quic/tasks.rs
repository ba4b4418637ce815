//! The tasks of an endpoint, on its thread.

use parking_lot::Mutex;
use std::{future::Future, time::Duration};
use tokio::{runtime::Handle, task::JoinSet, time::Sleep};

/// Owns tasks: they end by themselves, or with [`Tasks::stop`].
pub(super) struct Tasks {
    handle: Handle,
    /// `None` once stopped.
    set: Mutex<Option<JoinSet<()>>>,
}

impl Tasks {
    pub(super) fn new(handle: Handle) -> Self {
        Self { handle, set: Mutex::new(Some(JoinSet::new())) }
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs a task, unless they were stopped: then it is dropped.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut set = self.set.lock();
        let Some(set) = set.as_mut() else { return };
        while set.try_join_next().is_some() {} // Those that ended leave.
        set.spawn_on(task, &self.handle);
    }

    /// Ends all tasks at their next await.
    pub(super) fn stop(&self) {
        let set = self.set.lock().take();
        drop(set);
    }

    /// A timer that may be awaited on any thread.
    pub(super) fn sleep(&self, duration: Duration) -> Sleep {
        let _entered = self.handle.enter();
        tokio::time::sleep(duration)
    }
}
