//! What a node's tasks see of the world.

use super::{executor::Core, timers::Sleep};
use crate::{Clock, Spawn, Task, Time};
use std::{future::Future, pin::Pin, sync::Arc};

/// The clock of a node.
pub(super) struct NodeClock {
    pub(super) core: Arc<Core>,
    pub(super) node: usize,
}

impl Clock for NodeClock {
    fn now(&self) -> Time {
        self.core.clock(Some(self.node))
    }

    fn sleep_until(&self, deadline: Time) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(Sleep::new(Arc::clone(&self.core), Some(self.node), deadline))
    }
}

/// Spawns on a node, as long as that incarnation lives.
pub(super) struct NodeSpawn {
    pub(super) core: Arc<Core>,
    pub(super) node: usize,
    pub(super) incarnation: u64,
}

impl Spawn for NodeSpawn {
    fn spawn(&self, name: &'static str, future: Pin<Box<dyn Future<Output = ()> + Send>>) -> Task {
        let (ended, task) = self.core.spawn(self.node, self.incarnation, name, future);
        let core = Arc::downgrade(&self.core);
        let stop = move || {
            if let Some(core) = core.upgrade() {
                core.stop(task);
            }
        };
        Task::new(stop, ended)
    }

    /// Runs at a later step, as a task of its own.
    fn heavy(&self, name: &'static str, work: Box<dyn FnOnce() + Send>) -> Task {
        let (ended, _) = self.core.spawn(self.node, self.incarnation, name, Box::pin(async move { work() }));
        Task::new(|| {}, ended)
    }
}
