//! What the cluster has left for recoveries.

use rekindle_log::partition_segments;
use rekindle_types::ServerId;
use std::collections::BTreeMap;

/// What servers that are up can take on, less the reservations of every recovery that runs (O2).
///
/// Planning takes from it what the plan needs. So plans that are due together are made one after another on
/// one room, and a planner never gives a byte away twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterRoom {
    /// Servers that may replay.
    pub masters: BTreeMap<ServerId, MasterRoom>,
    /// Backups that may be read.
    pub backups: BTreeMap<ServerId, BackupRoom>,
}

/// A recovery master's room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MasterRoom {
    /// Bytes of partitions that it can still take.
    pub free_bytes: u64,
    /// Bytes of partitions that it is replaying already: it starts later on another one.
    pub busy_bytes: u64,
    /// Bytes of its segments: memory is reserved in whole ones. Zero: to the byte.
    pub segment_bytes: u32,
}

impl MasterRoom {
    /// Bytes of memory that a partition takes of it.
    #[must_use]
    pub fn taken_by(&self, partition_bytes: u64) -> u64 {
        if self.segment_bytes == 0 {
            return partition_bytes;
        }
        partition_segments(partition_bytes, self.segment_bytes).saturating_mul(self.segment_bytes.into())
    }
}

/// A backup's speed and what it has to read already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackupRoom {
    /// Bytes per second; zero for unknown.
    pub read_rate: u64,
    /// Bytes that other recoveries have it read.
    pub queued_bytes: u64,
}

impl ClusterRoom {
    /// Reserves a partition's memory on a master, if it is there (L2).
    #[must_use]
    pub fn reserve(&mut self, master: ServerId, bytes: u64) -> bool {
        let Some(room) = self.masters.get_mut(&master).filter(|m| m.free_bytes >= m.taken_by(bytes)) else {
            return false;
        };
        let taken = room.taken_by(bytes);
        room.free_bytes -= taken;
        room.busy_bytes += taken;
        true
    }
}

impl BackupRoom {
    /// Assumed of a backup that has not measured itself, bytes per second.
    const READ_RATE_UNKNOWN: u64 = 100_000_000;

    /// When it would have read `bytes` more, in nanoseconds from now.
    #[must_use]
    pub fn finish_nanos(self, bytes: u64) -> u128 {
        let rate = if self.read_rate == 0 { Self::READ_RATE_UNKNOWN } else { self.read_rate };
        (u128::from(self.queued_bytes) + u128::from(bytes)) * 1_000_000_000 / u128::from(rate)
    }
}
