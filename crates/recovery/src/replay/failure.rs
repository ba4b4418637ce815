//! Why a partition could not be replayed here.

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
    /// The store takes no more: replay it elsewhere, or cut it finer.
    #[error("the store refused: {0}")]
    Refused(String),
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
    /// No room, or the log failed.
    #[error("{0}")]
    Refused(String),
}
