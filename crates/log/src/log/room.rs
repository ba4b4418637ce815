//! How much of a log's memory is left, and for what (L2).

use super::state::{HEADS_WAITING_MAX, State};
use super::{Log, LogConfig};

/// Segments that heads may take: the current one and those that wait behind it.
const HEADS: u32 = 1 + HEADS_WAITING_MAX as u32;

/// Memory of a log, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogRoom {
    /// For entries: all of it, without reserves and heads.
    pub total_bytes: u64,
    /// Of it, what partitions of dead logs can have.
    pub free_bytes: u64,
}

impl LogConfig {
    /// Segments for entries: without reserves and heads.
    #[must_use]
    pub fn usable_segments(&self) -> u32 {
        self.segments_max.saturating_sub(super::config::HEAD_RESERVE as u32 + HEADS)
    }
}

impl Log {
    /// How much memory is left.
    #[must_use]
    pub fn room(&self) -> LogRoom {
        let segment_bytes = u64::from(self.config.segment_bytes);
        let free = u64::from(self.state.lock().free_segments());
        let total = u64::from(self.config.usable_segments());
        LogRoom { total_bytes: total * segment_bytes, free_bytes: free * segment_bytes }
    }
}

impl State {
    /// Segments that side logs can still have.
    fn free_segments(&self) -> u32 {
        let heads = (HEADS as usize).saturating_sub(self.heads.len());
        let free = self.frames.free_count().saturating_sub(self.frames_kept() + heads);
        u32::try_from(free).unwrap_or(u32::MAX)
    }
}
