//! Where an entry ends in a log.

use crate::SegmentId;
use serde::{Deserialize, Serialize};

/// A byte position in a log: what lies before it is durable once the log is durable up to it.
///
/// Positions of one log are ordered: heads get ascending ids, so the segment decides, then the offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Position {
    /// The segment.
    pub segment: SegmentId,
    /// Bytes from the segment's start.
    pub offset: u32,
}
