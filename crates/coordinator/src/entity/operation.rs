//! Recorded operations: what is under way, and what came of the last ones.

use rekindle_types::{KeyRange, Lsn, ServerId, TableInfo};
use std::fmt;

/// Number of an operation, never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct OperationId(pub u64);

impl OperationId {
    /// The one after this one.
    #[must_use]
    pub(crate) fn next(self) -> Self {
        Self(self.0.checked_add(1).expect("counters never wrap"))
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "op{}", self.0)
    }
}

impl fmt::Debug for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A durable state machine of one cluster change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its number.
    pub id: OperationId,
    /// The batch that added it: the cause of its orders (F5). Zero until it is recorded.
    pub begun: Lsn,
    /// How far it is.
    pub state: OperationState,
    /// What came of it; `None` while it is under way.
    pub outcome: Option<Outcome>,
}

/// What an operation does, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperationState {
    /// The table is in the map; its owners are being told.
    CreateTable {
        /// Which.
        table: TableInfo,
        /// Its tablets.
        tablets: u32,
    },
    /// The table is gone from the map; its former owners are being told (T8).
    DropTable {
        /// Which.
        table: TableInfo,
        /// Who owned what.
        owners: Vec<(ServerId, KeyRange)>,
    },
    /// The server was declared dead; its tablets are being brought back.
    Recover {
        /// Who died.
        server: ServerId,
        /// How far.
        phase: RecoverPhase,
    },
}

/// How far a recovery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecoverPhase {
    /// Fenced by the death record; its log is being discovered, then a plan is made.
    Discover,
    /// The plan is recorded: partitions are replayed, committed and served, each on its own.
    Replay,
    /// Every partition is committed: its replicas are being freed.
    Release,
}

/// What came of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// A recovery is done.
    Recovered {
        /// Bytes replayed.
        bytes: u64,
        /// Objects alive after replay.
        objects: u64,
    },
    /// The log had no replicas (R = 0): these tablets are lost with what was in them (L1).
    Lost {
        /// How many.
        tablets: u32,
    },
}
