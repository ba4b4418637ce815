//! One partition of a recovery, as recorded.

use super::OperationId;
use rekindle_types::{Attempt, LogId, Lsn, PartitionIndex, SegmentId, ServerId, Tablet};

/// What one recovery master replays, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionRecord {
    /// Whose log.
    pub crashed: LogId,
    /// Which partition of the plan.
    pub index: PartitionIndex,
    /// The recovery that it belongs to.
    pub operation: OperationId,
    /// The map entries that it consists of, as the plan's batch made them.
    pub pieces: Vec<Tablet>,
    /// Bytes expected in it: what its master reserves (L2).
    pub bytes: u64,
    /// Who replays it.
    pub master: ServerId,
    /// Which try; recorded before `replay` is sent (T3).
    pub attempt: Attempt,
    /// The batch that recorded the attempt.
    pub cause: Lsn,
    /// How far it is.
    pub phase: PartitionPhase,
    /// Earlier attempts whose masters have not confirmed that they forgot them.
    pub obsolete: Vec<Obsolete>,
}

/// How far a partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionPhase {
    /// The present attempt is under way.
    Replay,
    /// Its tablets belong to its master, who is being told so.
    Committed(Committed),
    /// Its master has confirmed that it serves, or died since; or there was nothing left to serve.
    Ended(Committed),
    /// It fitted nowhere: partitions with higher indexes have its pieces, but for those of dropped tables.
    Cut,
}

/// What a commit recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Committed {
    /// The batch that re-pointed the tablets.
    pub granted: Lsn,
    /// Creation position of the tablets on their master (T2).
    pub created: SegmentId,
    /// Bytes replayed.
    pub bytes: u64,
    /// Objects alive after replay.
    pub objects: u64,
}

/// An attempt that its master must forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Obsolete {
    /// Who tried.
    pub master: ServerId,
    /// Which try.
    pub attempt: Attempt,
    /// The batch that gave the partition to another.
    pub cause: Lsn,
}

impl PartitionRecord {
    /// Whether its batch is recorded.
    #[must_use]
    pub fn is_committed(&self) -> bool {
        self.committed().is_some()
    }

    /// What its batch recorded.
    #[must_use]
    pub fn committed(&self) -> Option<Committed> {
        match self.phase {
            PartitionPhase::Replay | PartitionPhase::Cut => None,
            PartitionPhase::Committed(committed) | PartitionPhase::Ended(committed) => Some(committed),
        }
    }

    /// Whether somebody has to replay it: it is neither committed nor cut.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.phase == PartitionPhase::Replay
    }

    /// Whether nothing is left to do for it.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        matches!(self.phase, PartitionPhase::Ended(_) | PartitionPhase::Cut) && self.obsolete.is_empty()
    }
}
