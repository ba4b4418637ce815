//! What is left of a dead master's log (H6).

mod discover;
mod incomplete;
mod log_map;

pub use discover::discover;
pub use incomplete::{Contradiction, Incomplete};
pub use log_map::{FoundReplica, LogMap, SegmentMap};
