//! Why a log can't be recovered yet.

use rekindle_types::{LogId, SegmentId};

/// The log that was found is not all of it. Wait for backups to return and ask again; an operator sees why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Incomplete {
    /// No backup lists an open head at or above the floor.
    #[error("{log}: no open head at or above {floor}; highest closed one: {closed:?}")]
    NoHead {
        /// Whose log.
        log: LogId,
        /// Heads below it are no heads.
        floor: SegmentId,
        /// The highest closed segment that was written as a head, for the operator.
        closed: Option<SegmentId>,
    },
    /// The head was found, segments of its digest were not.
    #[error("{log}: head {head} found, no usable replica of {segments:?}")]
    Missing {
        /// Whose log.
        log: LogId,
        /// The head.
        head: SegmentId,
        /// The missing ones.
        segments: Vec<SegmentId>,
    },
    /// What was found can't be true together: waiting won't help, an operator has to look.
    #[error("{log}: {what}")]
    Contradiction {
        /// Whose log.
        log: LogId,
        /// What is wrong.
        what: Contradiction,
    },
}

/// A state of the backups that no run of the protocol leaves behind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// A later head was closed, so the chosen one can't be the head.
    #[error("closed head {closed} above the lowest open head {head}")]
    ClosedAboveHead {
        /// The lowest open segment with a valid digest at or above the floor.
        head: SegmentId,
        /// The later one.
        closed: SegmentId,
    },
    /// The head's digest does not name the head.
    #[error("digest of {0} does not name it")]
    DigestWithoutSelf(SegmentId),
    /// Two replicas of one head carry different digests.
    #[error("replicas of {0} carry different digests")]
    Digests(SegmentId),
    /// Two replicas with one length have different checksums.
    #[error("replicas of {0} with the same length have different checksums")]
    Certificates(SegmentId),
}
