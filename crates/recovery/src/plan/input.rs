//! What a plan is made from.

use crate::LogMap;
use rekindle_types::{KeyRange, Rules, TableId, Tablet};

/// One dead master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanInput {
    /// What was found of its log.
    pub log: LogMap,
    /// The tablets that the map at the death record says it owned: all of these, and nothing else, is
    /// recovered (T1).
    pub owned: Vec<Tablet>,
    /// Where to cut, when the master left word of it.
    pub will: Option<Will>,
    /// Most bytes of one partition: what one recovery master can replay in time. Not zero.
    pub partition_bytes: u64,
    /// Fewest bytes of one partition that are worth a recovery master of their own. At most `partition_bytes` counts.
    pub partition_bytes_min: u64,
    /// Which protocol rules are in force.
    pub rules: Rules,
}

/// A master's standing partition of its own tablets; it may be out of date.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Will {
    /// One per recovery master.
    pub pieces: Vec<WillPiece>,
}

/// What one recovery master can replay in time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WillPiece {
    /// Ranges that go together.
    pub ranges: Vec<(TableId, KeyRange)>,
    /// Bytes in them.
    pub bytes: u64,
}
