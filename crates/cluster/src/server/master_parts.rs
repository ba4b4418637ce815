//! What serves a server's tablets.

use super::{StorageConfig, Tasks};
use crate::{
    control::{RangeParts, Ranges},
    master::{Backing, Lease, ObjectService, Tablets, Waiting},
};
use rekindle_backup::Backups;
use rekindle_env::{Clock, Env};
use rekindle_log::{Log, cleaner::Cleaner, store::Store};
use std::{
    sync::{Arc, Weak},
    time::Duration,
};

/// The master of a server: its log and objects, what it may serve, and who carries calls and orders out.
pub(super) struct MasterParts {
    pub(super) lease: Arc<Lease>,
    pub(super) tablets: Arc<Tablets>,
    pub(super) log: Arc<Log>,
    pub(super) store: Arc<Store>,
    pub(super) cleaner: Arc<Cleaner>,
    pub(super) ranges: Arc<Ranges>,
    pub(super) objects: Arc<ObjectService>,
    pub(super) backing: Arc<Backing>,
}

impl MasterParts {
    /// Over this log. Replays run among `tasks` and read from `backups`.
    pub(super) fn new(
        config: &StorageConfig,
        env: &Env,
        log: Arc<Log>,
        replicas: u32,
        backups: Arc<dyn Backups>,
        tasks: Weak<Tasks>,
    ) -> Self {
        let store = Store::new(log.clone(), config.store());
        let cleaner = Cleaner::new(store.clone(), config.cleaner);
        let tablets = Arc::new(Tablets::new(config.rules));
        let lease = Arc::new(Lease::new(config.lease, config.rules));
        let ranges = Ranges::new(RangeParts {
            env: env.clone(),
            tasks,
            tablets: tablets.clone(),
            log: log.clone(),
            store: store.clone(),
            backups,
            replay: config.replay(),
            replay_lanes: config.replay_lanes,
            rules: config.rules,
        });
        let backing = Arc::new(Backing::new(log.config().log.server, replicas));
        let objects = Arc::new(ObjectService {
            clock: env.clock.clone(),
            store: store.clone(),
            log: log.clone(),
            tablets: tablets.clone(),
            lease: lease.clone(),
            backing: backing.clone(),
            waiting: Waiting::new(config.waiting_max),
            wait_max: config.call_timeout,
            retry_after: config.retry_after,
        });
        Self { lease, tablets, log, store, cleaner, ranges, objects, backing }
    }

    /// H7: tells the log what the tablets hold, for its next heads.
    pub(super) async fn keep_tablet_stats(&self, clock: &dyn Clock, every: Duration) {
        loop {
            let tablets = self.tablets.status();
            self.store.note_tablets(tablets.iter().map(|tablet| (tablet.table, tablet.range)));
            clock.sleep(every).await;
        }
    }
}
