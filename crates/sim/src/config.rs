//! How a simulated cluster is set up.

use crate::weather::Climate;
use rekindle_backup::Durability;
use rekindle_env::memory::Order;
use rekindle_types::Rules;
use std::time::Duration;

/// Where a simulated cluster keeps what must outlive its processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SimStore {
    /// Backups in their processes' memory; the coordinator's record outlives everything. A killed server's replicas
    /// are gone.
    #[default]
    Memory,
    /// Backups and the coordinator's record on disks that forget what was not synced when their process is killed.
    Disks(Durability),
}

/// A cluster on one thread, everything drawn from the seed.
#[derive(Clone, Copy, Debug)]
pub struct SimConfig {
    /// Everything random comes from it.
    pub seed: u64,
    /// Storage servers. Default 6.
    pub servers: u32,
    /// Replicas per segment, R. Default 2, so that six servers bear three deaths.
    pub replicas: u32,
    /// Bytes of a segment. Default 64 KiB: many segments from little data.
    pub segment_bytes: u32,
    /// Most segments of a server's log. Default 512.
    pub segments_max: u32,
    /// Where things are kept. Default in memory.
    pub store: SimStore,
    /// Most bytes of a partition of a recovery. Default 256 KiB: several partitions from little data.
    pub partition_bytes: u64,
    /// Which ready task runs next. Default: drawn.
    pub order: Order,
    /// The network's. Default calm.
    pub climate: Climate,
    /// Servers' clocks run faster or slower than the coordinator's by up to so many millionths, drawn, and are ahead by
    /// up to an hour. Default 9,000: just within what F2 assumes.
    pub drift_ppm_max: u32,
    /// Each call of a disk takes up to so long, drawn, when nothing is wrong. Default: no time.
    pub disk_latency_max: Duration,
    /// Rules in force.
    pub rules: Rules,
}

impl SimConfig {
    /// The defaults, with this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            servers: 6,
            replicas: 2,
            segment_bytes: 64 << 10,
            segments_max: 512,
            store: SimStore::Memory,
            partition_bytes: 256 << 10,
            order: Order::Random,
            climate: Climate::CALM,
            drift_ppm_max: 9_000,
            disk_latency_max: Duration::ZERO,
            rules: Rules::default(),
        }
    }
}
