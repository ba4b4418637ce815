//! A backup elsewhere.

use super::unreadable;
use crate::wire::{Frame, FrameKind, FrameWriter, LaneKind, Peer, Peers, codec};
use async_trait::async_trait;
use rekindle_backup::{
    BackupError, BackupStats, BackupStore, LoadRequest, Loaded, ReadPlan, ReplicaFree, ReplicaInfo,
    ReplicaWrite,
};
use rekindle_types::{ListVersion, LogId, RemoteError, ReplicaId};
use std::{sync::Arc, time::Duration};

/// Calls a backup over its replication and recovery lanes.
pub struct RemoteBackup {
    peers: Arc<Peers>,
    peer: Peer,
    write_timeout: Duration,
    recovery_timeout: Duration,
}

impl RemoteBackup {
    /// `write_timeout` bounds writes and frees, `recovery_timeout` everything else.
    #[must_use]
    pub fn new(peers: Arc<Peers>, peer: Peer, write_timeout: Duration, recovery_timeout: Duration) -> Self {
        Self { peers, peer, write_timeout, recovery_timeout }
    }

    async fn write_call(&self, call: FrameWriter) -> Result<(), BackupError> {
        let deadline = self.peers.now() + self.write_timeout;
        let reply = self.peers.call(&self.peer, LaneKind::Replication, call, deadline).await;
        let reply = reply.map_err(RemoteError::from)?;
        codec::decode_outcome(&reply.body).map_err(unreadable)?
    }

    async fn recovery_call(&self, call: FrameWriter) -> Result<Frame, BackupError> {
        let deadline = self.peers.now() + self.recovery_timeout;
        let reply = self.peers.call(&self.peer, LaneKind::Recovery, call, deadline).await;
        Ok(reply.map_err(RemoteError::from)?)
    }
}

#[async_trait]
impl BackupStore for RemoteBackup {
    async fn write(&self, write: ReplicaWrite) -> Result<(), BackupError> {
        self.write_call(codec::encode_write(&write)).await
    }

    async fn free(&self, free: ReplicaFree) -> Result<(), BackupError> {
        self.write_call(codec::encode_free(&free)).await
    }

    async fn inventory(&self, log: LogId, at: ListVersion) -> Result<Vec<ReplicaInfo>, BackupError> {
        let reply = self.recovery_call(codec::encode_inventory_call(log, at)).await?;
        codec::decode_inventory(&reply.body).map_err(unreadable)?
    }

    async fn start_recovery(&self, log: LogId, plan: ReadPlan) -> Result<(), BackupError> {
        let reply = self.recovery_call(codec::encode_start_recovery(log, &plan)).await?;
        codec::decode_outcome(&reply.body).map_err(unreadable)?
    }

    async fn load(&self, replica: ReplicaId, want: LoadRequest) -> Result<Loaded, BackupError> {
        let reply = self.recovery_call(codec::encode_load(replica, &want)).await?;
        codec::decode_loaded(&reply.body).map_err(unreadable)?
    }

    /// A backup that does not answer has no frames.
    async fn stats(&self) -> BackupStats {
        let reply = self.recovery_call(FrameWriter::new(FrameKind::STATS)).await;
        reply.ok().and_then(|reply| codec::decode_stats(&reply.body).ok()).unwrap_or_default()
    }
}
