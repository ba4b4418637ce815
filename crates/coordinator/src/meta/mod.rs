//! The coordinator's durable record, as a trait: batches of entity states in one serial order.

#[cfg(any(test, feature = "testing"))]
pub mod conformance;
mod memory;

pub use memory::{MemoryMetaLog, Recorded};

use async_trait::async_trait;
use bytes::Bytes;
use rekindle_types::{Lsn, Term};
use std::fmt;

/// Names one entity of the record. Ids are chosen by the caller; the kind groups them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId {
    /// What it is.
    pub kind: u8,
    /// First part of its key.
    pub first: u64,
    /// Second part of its key.
    pub second: u64,
}

impl fmt::Debug for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.kind, self.first, self.second)
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// One change: the full new state of an entity, or its removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which entity.
    pub entity: EntityId,
    /// Its new state; `None` removes it.
    pub state: Option<Bytes>,
}

/// Changes that happen together or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The entities that the step had read, with the version it saw: the [`Lsn`] of their last change, zero
    /// for one that does not exist (T4).
    pub expected: Vec<(EntityId, Lsn)>,
    /// What changes; of two records for one entity the last counts.
    pub records: Vec<Record>,
}

/// An entity as it was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntity {
    /// Which.
    pub entity: EntityId,
    /// The batch that changed it last.
    pub version: Lsn,
    /// Its state.
    pub state: Bytes,
}

/// What a new reign starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The new reign: higher than every one before.
    pub term: Term,
    /// The last batch recorded; zero for none.
    pub last: Lsn,
    /// All entities that exist, in the order of their ids.
    pub entities: Vec<StoredEntity>,
}

/// Keeps the cluster's record.
///
/// Batches get dense sequence numbers in one serial order, and each is checked in that order against the
/// versions that its step had read (T4). An answered append is as durable as the log promises. Dropping a
/// returned future cancels nothing that had begun.
#[async_trait]
pub trait MetaLog: Send + Sync {
    /// Starts a reign: raises the term, so that appends of older reigns are refused from now on, and reads
    /// everything back.
    async fn open(&self) -> Result<Opened, AppendError>;

    /// Records a batch, whole or not at all.
    async fn append(&self, term: Term, batch: Batch) -> Result<Lsn, AppendError>;
}

/// Why a batch was not recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// An entity changed since the step had read it: read again and decide again (T4).
    #[error("{entity} is at {found}, the step had read {expected}")]
    Conflict {
        /// Which entity.
        entity: EntityId,
        /// What the step had read.
        expected: Lsn,
        /// What is there.
        found: Lsn,
    },
    /// A newer coordinator reigns: stop.
    #[error("{term} is over: {newest} reigns")]
    Deposed {
        /// The caller's reign.
        term: Term,
        /// The newest reign.
        newest: Term,
    },
    /// The batch is larger than the log takes.
    #[error("{bytes} bytes, at most {limit}")]
    TooLarge {
        /// Bytes of the batch.
        bytes: usize,
        /// The log's limit.
        limit: usize,
    },
    /// It may or may not have been recorded, and nothing more will be: stop, and open the log anew.
    #[error("the meta log failed: {0}")]
    Failed(String),
}
