//! What a backup gives to recoveries, when faults have spoilt what it stores.

use super::BackupCall;
use crate::check::{HandedOut, LoadAnswer, check_load};
use parking_lot::Mutex;
use rekindle_types::{LogId, ReplicaId};
use std::collections::{BTreeMap, BTreeSet};

/// Says which replicas of a log are in frames of a server that are not as they were written.
pub(crate) type Broken = Box<dyn Fn(u32, LogId) -> BTreeSet<ReplicaId> + Send + Sync>;

/// What is asked of one process.
#[derive(Default)]
pub(super) struct Loads {
    /// What of a log was broken when the reading of it may have begun: what was read before a fault is as it was.
    broken: Mutex<BTreeMap<LogId, BTreeSet<ReplicaId>>>,
}

impl Loads {
    pub(super) fn called(&self, call: &BackupCall, broken: impl Fn(LogId) -> BTreeSet<ReplicaId>) {
        let log = match call {
            BackupCall::StartRecovery(log) => *log,
            BackupCall::Load(replica) => replica.log,
            _ => return,
        };
        self.broken.lock().entry(log).or_insert_with(|| broken(log));
    }

    /// Bytes of a replica were given: what is wrong with that.
    pub(super) fn done(&self, replica: ReplicaId) -> Result<(), HandedOut> {
        let is_broken = self.broken.lock().get(&replica.log).is_some_and(|broken| broken.contains(&replica));
        check_load(&LoadAnswer { replica, is_whole: !is_broken })
    }
}
