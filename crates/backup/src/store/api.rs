//! The backup store's calls and what travels in them.

use super::BackupError;
use async_trait::async_trait;
use bytes::Bytes;
use rekindle_log::Certificate;
use rekindle_types::{ListVersion, LogId, Partition, PartitionIndex, ReplicaId, SegmentId, SessionNumber};

/// Keeps replicas of other masters' segments. Implemented by stores and by the stub of a remote one.
///
/// Operations are idempotent within one creation number: a repeated open, append of the same bytes, close or
/// free answers ok; a higher number replaces, a lower one is [`BackupError::StaleCreation`]. Wrong order is a
/// typed error, never silent. An answered call is as durable as the store promises.
#[async_trait]
pub trait BackupStore: Send + Sync {
    /// Opens, appends to, closes a replica: any of these in one call, in this order, all or nothing.
    async fn write(&self, write: ReplicaWrite) -> Result<(), BackupError>;

    /// Drops a replica and every older creation of its segment. Ok when there is none.
    async fn free(&self, free: ReplicaFree) -> Result<(), BackupError>;

    /// Lists what it holds of a log, and fences that log from this instant on (F1).
    async fn inventory(&self, log: LogId, at: ListVersion) -> Result<Vec<ReplicaInfo>, BackupError>;

    /// Begins to read, verify and filter the replicas of a fenced log, in the order of the plan. Repeatable;
    /// another plan for the same log replaces the former.
    async fn start_recovery(&self, log: LogId, plan: ReadPlan) -> Result<(), BackupError>;

    /// Reads a closed or fenced replica, whole or filtered. All of it is verified first (T6).
    async fn load(&self, replica: ReplicaId, want: LoadRequest) -> Result<Loaded, BackupError>;

    /// How it does.
    async fn stats(&self) -> BackupStats;
}

/// How a replica is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fill {
    /// Opened empty or with a first prefix, listed from then on, grows append by append.
    Growing,
    /// As growing, of a side segment: nothing of it is promised before its close, since no digest names it before
    /// that is on all R (H6). A store need not make its appends durable.
    Side,
    /// Re-creation (P2): listed only once certificate and close have come, in one write; until then what the
    /// store holds of the segment under older creation numbers stays as it is.
    Atomic,
}

/// One write to a replica. At most [`ReplicaWrite::BYTES_MAX`] bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaWrite {
    /// Which replica; `replica.log.server` is the calling master (F1).
    pub replica: ReplicaId,
    /// The master's session to this backup: writes of an older one than the highest seen are `Stale` (P3).
    pub session: SessionNumber,
    /// Creates it, with this fill. Repeats are answered ok.
    pub open: Option<Fill>,
    /// Capacity of the segment in bytes, the same in every write of a replica.
    pub capacity: u32,
    /// Where `bytes` go: at most at the end of what is there.
    pub offset: u32,
    /// The bytes, may be none.
    pub bytes: Bytes,
    /// Makes the prefix that it names valid. Without it the bytes are kept, but do not exist yet.
    pub certificate: Option<Certificate>,
    /// Nothing follows; needs a certificate, in this write or an earlier one.
    pub close: bool,
    /// Read first in recovery.
    pub primary: bool,
}

impl ReplicaWrite {
    /// Most bytes in one write; the replicator cuts larger ones.
    pub const BYTES_MAX: usize = 1 << 20;
}

/// Drops a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReplicaFree {
    /// Which; older creations go with it.
    pub replica: ReplicaId,
    /// As in [`ReplicaWrite`].
    pub session: SessionNumber,
}

/// Whether a listed replica may still grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReplicaState {
    /// Usable only as the head (H6).
    Open,
    /// Complete.
    Closed,
}

/// A replica in an inventory. Replicas without a certificate are never listed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReplicaInfo {
    /// Which.
    pub replica: ReplicaId,
    /// Open or closed.
    pub state: ReplicaState,
    /// Its last certificate.
    pub certificate: Certificate,
    /// Read first in recovery.
    pub primary: bool,
    /// Segment ids in its digest, when it starts with a valid one: it was written as a head. Of the closed replicas
    /// in an inventory only the highest that has one shows it (H6): all of them, a digest for each segment of the log,
    /// would fill a frame of the wire with some thousand segments.
    pub digest: Option<Vec<SegmentId>>,
}

/// What to read in a recovery, and how to cut it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadPlan {
    /// What will be asked for, in this order, each with the certificate to read up to.
    pub replicas: Vec<PrimaryReplica>,
    /// How to cut it.
    pub partitions: Vec<Partition>,
}

/// A replica to read ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PrimaryReplica {
    /// Which.
    pub replica: ReplicaId,
    /// Up to where.
    pub certificate: Certificate,
}

/// What of a replica is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadRequest {
    /// All bytes up to the certificate.
    Whole,
    /// The entries that belong to this partition, and SafeVersion entries (T6).
    Filtered {
        /// Its index in the plan, for the store's read-ahead.
        index: PartitionIndex,
        /// The partition itself, so that a restarted backup can answer too.
        partition: Partition,
    },
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// `Whole`: the segment's bytes. `Filtered`: whole entries back to back, without segment header, in the
    /// order of the segment.
    pub bytes: Bytes,
    /// The certificate that the replica was read up to.
    pub certificate: Certificate,
}

/// How a store does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackupStats {
    /// Replicas that it can hold.
    pub frames: u64,
    /// Replicas held.
    pub frames_used: u64,
    /// Replicas open.
    pub open: u64,
    /// Bytes held.
    pub bytes: u64,
    /// Measured read rate in bytes per second; zero for unknown.
    pub read_rate: u64,
    /// Whether it refuses to vouch for what it holds.
    pub is_poisoned: bool,
}
