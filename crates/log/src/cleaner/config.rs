//! Configuration of a cleaner.

use std::time::Duration;

/// How a log is cleaned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanerConfig {
    /// Passes at once. Default 2: one moves entries while the other waits for its survivors to be replicated.
    pub passes_max: u32,
    /// Most segments that one pass takes. Default 32.
    pub victims_max: u32,
    /// With less than this share of closed segments alive they are cleaned though there is room, so that a server takes
    /// little more memory than its data. Percent; default 80.
    pub alive_percent_min: u32,
    /// Entries moved between two chances for others. Default 8,192.
    pub slice_entries: usize,
    /// Bytes moved between two chances for others, and the entry that goes beyond. Default 1 MiB.
    pub slice_bytes: u64,
    /// Most bytes that all passes move in a second while memory is not short. Default 128 MiB: a quarter of what one core
    /// moves and the backups of one server take, so that reads and recoveries come first.
    pub bytes_per_second: u64,
    /// How often it looks when there was nothing to do. Default 100 ms.
    pub idle_for: Duration,
    /// So long survivors wait for the next head when nothing is short. Default 1 s.
    pub patience: Duration,
}

impl Default for CleanerConfig {
    fn default() -> Self {
        Self {
            passes_max: 2,
            victims_max: 32,
            alive_percent_min: 80,
            slice_entries: 8192,
            slice_bytes: 1 << 20,
            bytes_per_second: 128 << 20,
            idle_for: Duration::from_millis(100),
            patience: Duration::from_secs(1),
        }
    }
}
