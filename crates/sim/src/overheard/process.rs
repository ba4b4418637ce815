//! What is heard of one process.

use super::{Overheard, lease::Lease};
use parking_lot::Mutex;
use rekindle_cluster::wire::Party;
use rekindle_env::Time;
use rekindle_types::ServerId;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// A process that serves, from its start to its end.
pub(super) struct Process {
    pub(super) overheard: Arc<Overheard>,
    pub(super) lease: Mutex<Lease>,
    id: Mutex<Option<ServerId>>,
    lanes: AtomicU64,
}

impl Process {
    pub(super) fn new(overheard: Arc<Overheard>) -> Self {
        let (lease, id, lanes) = Default::default();
        Self { overheard, lease, id, lanes }
    }

    pub(super) fn now(&self) -> Time {
        self.overheard.clock.now()
    }

    /// A number that no other of its lanes has.
    pub(super) fn next_lane(&self) -> u64 {
        self.lanes.fetch_add(1, Ordering::Relaxed)
    }

    /// By the answer to its enlistment.
    pub(super) fn enlists(&self, id: ServerId) {
        self.id.lock().get_or_insert(id);
    }

    pub(super) fn party(&self) -> Party {
        self.id.lock().map_or(Party::Newcomer, Party::Server)
    }
}
