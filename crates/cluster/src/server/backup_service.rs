//! The backup of a storage server, as other masters and recovery masters call it.

use super::ListKeeper;
use async_trait::async_trait;
use rekindle_backup::{
    BackupError, BackupStats, BackupStore, LoadRequest, Loaded, ReadPlan, ReplicaFree, ReplicaInfo,
    ReplicaWrite,
};
use rekindle_types::{ListVersion, LogId, ReplicaId};
use std::sync::Arc;

/// A store whose callers are judged by a list that knows them (F1).
pub struct BackupService {
    store: Arc<dyn BackupStore>,
    list: Arc<ListKeeper>,
}

impl BackupService {
    /// Guards `store`, which is told of every list by itself.
    #[must_use]
    pub fn new(store: Arc<dyn BackupStore>, list: Arc<ListKeeper>) -> Self {
        Self { store, list }
    }

    /// The store refuses callers that it does not know: without an answer of the coordinator that is right.
    async fn know(&self, log: LogId) {
        let _ = self.list.know(log.server).await;
    }
}

#[async_trait]
impl BackupStore for BackupService {
    async fn write(&self, write: ReplicaWrite) -> Result<(), BackupError> {
        self.know(write.replica.log).await;
        self.store.write(write).await
    }

    async fn free(&self, free: ReplicaFree) -> Result<(), BackupError> {
        self.know(free.replica.log).await;
        self.store.free(free).await
    }

    async fn inventory(&self, log: LogId, at: ListVersion) -> Result<Vec<ReplicaInfo>, BackupError> {
        self.store.inventory(log, at).await
    }

    async fn start_recovery(&self, log: LogId, plan: ReadPlan) -> Result<(), BackupError> {
        self.store.start_recovery(log, plan).await
    }

    async fn load(&self, replica: ReplicaId, want: LoadRequest) -> Result<Loaded, BackupError> {
        self.store.load(replica, want).await
    }

    async fn stats(&self) -> BackupStats {
        self.store.stats().await
    }
}
