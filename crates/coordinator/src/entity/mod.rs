//! What the meta log keeps: one entity per thing that changes alone. Byte tables: docs/formats/meta-log.md.

mod codec;
mod decode;
mod encode;
mod operation;
mod partition;

pub use codec::Corrupt;
pub use operation::{Operation, OperationId, OperationState, Outcome, RecoverPhase};
pub use partition::{Committed, Obsolete, PartitionPhase, PartitionRecord};

use crate::meta::{EntityId, Record, StoredEntity};
use rekindle_types::{
    KeyHash, LogId, PartitionIndex, SegmentId, ServerEntry, ServerId, TableId, TableInfo, Tablet,
};

/// One entity of the record, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entity {
    /// What holds for the cluster as a whole.
    Cluster {
        /// What was decided when it was made.
        shape: ClusterShape,
        /// The longest lease that any coordinator has granted: the next one waits for it (F3). It only grows.
        lease_ms_max: u32,
    },
    /// Where the ids of servers continue. Rewritten by every change of the server list: the batch that did it
    /// is the list's version.
    Members {
        /// Never given out before.
        next_server: ServerId,
    },
    /// Where the other ids continue. Rewritten by every batch that adds an operation.
    Counters {
        /// Never given out before.
        next_table: TableId,
        /// Never given out before.
        next_operation: OperationId,
    },
    /// A server that is up, or dead and not recovered.
    Server(ServerRecord),
    /// A log whose first head is recorded (T7).
    Log {
        /// Which.
        log: LogId,
        /// Heads below it are no heads (H3).
        floor: SegmentId,
    },
    /// A table.
    Table(TableInfo),
    /// A tablet. Its version is not stored: it is the batch that wrote it (T5).
    Tablet(Tablet),
    /// An operation.
    Operation(Operation),
    /// One partition of a recovery.
    Partition(PartitionRecord),
}

/// What was decided when the cluster was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterShape {
    /// Replicas per segment, R.
    pub replicas: u32,
    /// No table exists before so many servers were up at once (L1).
    pub servers_min: u32,
    /// They have been.
    pub is_formed: bool,
}

/// A member as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerRecord {
    /// What everybody sees of it.
    pub entry: ServerEntry,
    /// Tells a repeated enlistment from a restarted process.
    pub incarnation: u64,
}

/// Kinds of entities, as persisted.
pub(crate) mod kind {
    pub const CLUSTER: u8 = 1;
    pub const MEMBERS: u8 = 2;
    pub const COUNTERS: u8 = 3;
    pub const SERVER: u8 = 4;
    pub const LOG: u8 = 5;
    pub const TABLE: u8 = 6;
    pub const TABLET: u8 = 7;
    pub const OPERATION: u8 = 8;
    pub const PARTITION: u8 = 9;
}

/// Ids of the entities.
pub mod id {
    use super::{EntityId, KeyHash, LogId, OperationId, PartitionIndex, ServerId, TableId, kind};

    const fn of(kind: u8, first: u64, second: u64) -> EntityId {
        EntityId { kind, first, second }
    }

    /// Of the cluster as a whole.
    pub const CLUSTER: EntityId = of(kind::CLUSTER, 0, 0);
    /// Of the server list as a whole.
    pub const MEMBERS: EntityId = of(kind::MEMBERS, 0, 0);
    /// Of the other id counters.
    pub const COUNTERS: EntityId = of(kind::COUNTERS, 0, 0);

    /// Of a server.
    #[must_use]
    pub fn server(server: ServerId) -> EntityId {
        of(kind::SERVER, server.0, 0)
    }

    /// Of a log.
    #[must_use]
    pub fn log(log: LogId) -> EntityId {
        of(kind::LOG, log.server.0, u64::from(log.index))
    }

    /// Of a table.
    #[must_use]
    pub fn table(table: TableId) -> EntityId {
        of(kind::TABLE, table.0, 0)
    }

    /// Of the tablet of `table` that begins at `first`.
    #[must_use]
    pub fn tablet(table: TableId, first: KeyHash) -> EntityId {
        of(kind::TABLET, table.0, first.0)
    }

    /// Of an operation.
    #[must_use]
    pub fn operation(operation: OperationId) -> EntityId {
        of(kind::OPERATION, operation.0, 0)
    }

    /// Of a partition of the recovery of `crashed`.
    #[must_use]
    pub fn partition(crashed: LogId, index: PartitionIndex) -> EntityId {
        of(kind::PARTITION, crashed.server.0, u64::from(crashed.index) << 32 | u64::from(index.0))
    }
}

impl Entity {
    /// Its id in the record.
    #[must_use]
    pub fn id(&self) -> EntityId {
        match self {
            Self::Cluster { .. } => id::CLUSTER,
            Self::Members { .. } => id::MEMBERS,
            Self::Counters { .. } => id::COUNTERS,
            Self::Server(server) => id::server(server.entry.id),
            Self::Log { log, .. } => id::log(*log),
            Self::Table(table) => id::table(table.id),
            Self::Tablet(tablet) => id::tablet(tablet.table, tablet.range.first()),
            Self::Operation(operation) => id::operation(operation.id),
            Self::Partition(partition) => id::partition(partition.crashed, partition.index),
        }
    }

    /// The record that makes it the entity's state.
    #[must_use]
    pub fn record(&self) -> Record {
        Record { entity: self.id(), state: Some(self.encode()) }
    }

    /// Reads it back, and checks that it is stored under its own id.
    pub fn read(stored: &StoredEntity) -> Result<Self, Corrupt> {
        let entity = Self::decode(stored.version, &stored.state)?;
        if entity.id() == stored.entity {
            Ok(entity)
        } else {
            Err(Corrupt::new("stored under another id", 0))
        }
    }
}
