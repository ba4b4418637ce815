//! Why a partition could not be replayed here.

use rekindle_log::LogError;
use rekindle_types::{SegmentId, ServerId};
use std::fmt;

/// The attempt is over: what was applied has to be dropped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayFailure {
    /// No replica of a segment could be read: wait for backups to return, or accept the loss of the partition's
    /// part of it.
    #[error("{0}")]
    Lost(LostSegment),
    /// The store's memory is used up: replay it elsewhere, or cut it finer (L2).
    #[error("no memory for all of it: {0}")]
    NoRoom(String),
    /// The store takes no more, for another reason: replay it elsewhere.
    #[error("the store refused: {0}")]
    Refused(String),
}

impl From<LogError> for ReplayFailure {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Full { .. } => Self::NoRoom(error.to_string()),
            _ => Self::Refused(error.to_string()),
        }
    }
}

/// A segment without a readable replica, and what is wrong with each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostSegment {
    /// The segment.
    pub segment: SegmentId,
    /// What every backup said last.
    pub reasons: Vec<(ServerId, String)>,
}

impl fmt::Display for LostSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no readable replica of {}", self.segment)?;
        self.reasons.iter().try_for_each(|(server, reason)| write!(f, "; {server}: {reason}"))
    }
}

/// Why entries could not be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// Get them from another replica. Some of them may have been applied: that does no harm.
    #[error("{0}")]
    Damaged(String),
    /// There is no memory left.
    #[error("{0}")]
    NoRoom(String),
    /// The log failed.
    #[error("{0}")]
    Refused(String),
}
