//! What a storage server says about itself.

use super::FrameShortage;
use crate::{
    control::{Entry, PartitionKey},
    master::TabletStatus,
};
use rekindle_backup::{
    BackupStats,
    replicator::{KnownHead, ReplicationStats},
};
use rekindle_log::{LogStats, cleaner::CleanerStats};
use rekindle_types::{ListVersion, ServerId, Term};
use std::time::Duration;

/// A snapshot. Its parts are taken one after another.
#[derive(Clone, Debug)]
pub struct StorageStatus {
    /// Who.
    pub server: ServerId,
    /// Its first head is recorded: tablets may come (T7).
    pub is_ready: bool,
    /// Declared dead: serves nothing, for good.
    pub is_removed: bool,
    /// No service task is stuck (F7).
    pub is_alive: bool,
    /// Highest term seen.
    pub term: Term,
    /// Newest list seen.
    pub list: ListVersion,
    /// Whether it may serve just now (F2).
    pub has_lease: bool,
    /// For how long, without another renewal.
    pub lease_left: Duration,
    /// Renewals sent so far.
    pub renewals_sent: u64,
    /// Renewals answered so far.
    pub renewals_answered: u64,
    /// Served or being taken.
    pub tablets: Vec<TabletStatus>,
    /// The newest attempt of every partition that it was told to replay.
    pub replays: Vec<(PartitionKey, Entry)>,
    /// Requests that wait for durability.
    pub waiting: u32,
    /// The log.
    pub log: LogStats,
    /// What its cleaner has done.
    pub cleaner: CleanerStats,
    /// Replicas of its own log, elsewhere.
    pub replication: ReplicationStats,
    /// Its heads that no complete switch has left, in their order.
    pub heads: Vec<KnownHead>,
    /// What its backup keeps for others, and whether it still vouches for it; `None` when the store did not say at
    /// once.
    pub backup: Option<BackupStats>,
    /// Closed replicas that made way for an open one on its backup: none, if masters keep to P2.
    pub reopened: u64,
    /// Set when the backup has too few frames for a cluster of servers like this one (L3).
    pub frame_shortage: Option<FrameShortage>,
}
