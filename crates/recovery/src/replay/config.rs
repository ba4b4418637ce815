//! Limits of a replay.

use std::time::Duration;

/// How a replay pulls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayConfig {
    /// Most loads in flight: bounds the memory for what was pulled and not yet applied. At least one.
    /// Default 8.
    pub loads_max: usize,
    /// Most loads in flight to one backup. At least one. Default 2: one is read while the other travels.
    pub loads_per_backup_max: usize,
    /// A load without an answer for so long counts as failed, and the next replica is asked; each time the same
    /// one is asked again it gets twice as long, so that slow backups are waited for in the end. Default 2 s.
    pub load_timeout: Duration,
    /// How often a replica is asked before it is given up. Only what may get better counts: no answer, or not
    /// ready. Default 6.
    pub attempts_max: u32,
    /// Wait before a replica is asked again, doubled each time up to `back_off_max`. Default 50 ms.
    pub back_off: Duration,
    /// Default 2 s.
    pub back_off_max: Duration,
}

impl Default for ReplayConfig {
    fn default() -> Self {
        Self {
            loads_max: 8,
            loads_per_backup_max: 2,
            load_timeout: Duration::from_secs(2),
            attempts_max: 6,
            back_off: Duration::from_millis(50),
            back_off_max: Duration::from_secs(2),
        }
    }
}
