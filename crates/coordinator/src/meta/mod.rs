//! The coordinator's durable record, as a trait: batches of entity states in one serial order.

#[cfg(any(test, feature = "testing"))]
pub mod conformance;
mod file;
mod image;
mod memory;

pub use file::{Damage, FileMetaLog, FileMetaLogConfig, MetaFile};
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
    async fn open(&self) -> Result<Opened, MetaOpenError>;

    /// Records a batch, whole or not at all.
    async fn append(&self, term: Term, batch: Batch) -> Result<Lsn, AppendError>;

    /// Whether the reign still bounds leases (F4): no successor can have begun to wait for the leases that were
    /// granted before. Cheap: asked before each renewal is answered.
    fn leadership(&self, term: Term) -> Leadership;
}

/// What a reign is worth at this instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leadership {
    /// Nobody else reigns.
    Valid,
    /// It has ended, or can't be vouched for any more.
    Over {
        /// The newest reign known.
        newest: Term,
    },
}

/// Why a reign could not begin. Nothing was changed, unless it says so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetaOpenError {
    /// Two coordinators on one record.
    #[error(
        "{file:?} is locked: a coordinator runs on this directory. Stop it first, or give this one a directory of \
         its own"
    )]
    Locked {
        /// The lock: a file of the directory, or the directory.
        file: String,
    },
    /// The directory of another cluster.
    #[error(
        "{file:?} belongs to cluster {found:032x}, not to {expected:032x}: name the directory of this cluster"
    )]
    Foreign {
        /// The file.
        file: String,
        /// Whose it is.
        found: u128,
        /// Whose it should be.
        expected: u128,
    },
    /// The record can't be believed.
    #[error(
        "{file:?} is damaged at byte {at}: {why}. Nothing was changed. Check the disk, and put a good copy of the \
         file in its place"
    )]
    Damaged {
        /// The file.
        file: String,
        /// Offset in it.
        at: u64,
        /// What is wrong there.
        why: &'static str,
    },
    /// Written by another release.
    #[error("{file:?} has format version {version}: start a release that reads it")]
    Version {
        /// The file.
        file: String,
        /// Its version.
        version: u16,
    },
    /// The directory can't be used.
    #[error(
        "the directory of the meta log can't be used: {0}. Check that it exists and may be read and written"
    )]
    Unusable(String),
    /// A write or a sync has failed, now or before; what it was may be on the disk or not.
    #[error(
        "the meta log can't be written: {0}. Check the disk (room, permissions), then start the process again"
    )]
    Failed(String),
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
