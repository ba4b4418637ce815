//! Tells the coordinator who does not answer (F7).

use super::Membership;
use async_trait::async_trait;
use parking_lot::Mutex;
use rekindle_backup::{
    BackupError, BackupStats, BackupStore, LoadRequest, Loaded, ReadPlan, ReplicaFree, ReplicaInfo,
    ReplicaWrite,
};
use rekindle_env::Clock;
use rekindle_types::{CoordinatorApi, ListVersion, LogId, ReplicaId, Request, ServerId};
use std::{collections::BTreeSet, mem, sync::Arc, time::Duration};
use tokio::sync::Notify;

/// Members that failed to answer a call, until the coordinator was told. At most as many as there are members.
pub struct Hints {
    membership: Arc<Membership>,
    suspects: Mutex<BTreeSet<ServerId>>,
    wake: Notify,
}

impl Hints {
    /// Suspects nobody.
    #[must_use]
    pub fn new(membership: Arc<Membership>) -> Arc<Self> {
        Arc::new(Self { membership, suspects: Mutex::default(), wake: Notify::new() })
    }

    /// A call to this server failed.
    pub fn suspect(&self, server: ServerId) {
        if self.membership.list().is_up(server) && self.suspects.lock().insert(server) {
            self.wake.notify_one();
        }
    }

    /// Tells the coordinator, at most once per suspect and `pause`. A hint that is lost does no harm: the
    /// coordinator hears no heartbeats either.
    pub async fn run(&self, coordinator: Arc<dyn CoordinatorApi>, clock: Arc<dyn Clock>, pause: Duration) {
        loop {
            self.wake.notified().await;
            let suspects = mem::take(&mut *self.suspects.lock());
            for suspect in suspects {
                let from = self.membership.own();
                let _ = coordinator.call(Request::Hint { from, suspect }).await;
            }
            clock.sleep(pause).await;
        }
    }
}

/// A backup elsewhere, suspected when a call to it does not come back.
pub(super) struct SuspectedBackup {
    pub(super) server: ServerId,
    pub(super) backup: Arc<dyn BackupStore>,
    pub(super) hints: Arc<Hints>,
}

impl SuspectedBackup {
    fn look_at<T>(&self, answer: Result<T, BackupError>) -> Result<T, BackupError> {
        if let Err(BackupError::Remote(_)) = answer {
            self.hints.suspect(self.server);
        }
        answer
    }
}

#[async_trait]
impl BackupStore for SuspectedBackup {
    async fn write(&self, write: ReplicaWrite) -> Result<(), BackupError> {
        self.look_at(self.backup.write(write).await)
    }

    async fn free(&self, free: ReplicaFree) -> Result<(), BackupError> {
        self.look_at(self.backup.free(free).await)
    }

    async fn inventory(&self, log: LogId, at: ListVersion) -> Result<Vec<ReplicaInfo>, BackupError> {
        self.look_at(self.backup.inventory(log, at).await)
    }

    async fn start_recovery(&self, log: LogId, plan: ReadPlan) -> Result<(), BackupError> {
        self.look_at(self.backup.start_recovery(log, plan).await)
    }

    async fn load(&self, replica: ReplicaId, want: LoadRequest) -> Result<Loaded, BackupError> {
        self.look_at(self.backup.load(replica, want).await)
    }

    async fn stats(&self) -> BackupStats {
        self.backup.stats().await
    }
}
