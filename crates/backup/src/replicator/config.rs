//! What the replicator is told once.

use crate::ReplicaWrite;
use rekindle_types::{LogId, Rules};
use std::time::Duration;

/// Settings of a [`Replicator`](super::Replicator), checked by [`ReplicatorConfig::validate`].
#[derive(Clone, Copy, Debug)]
pub struct ReplicatorConfig {
    /// The log; `log.server` is the own server and never gets a replica.
    pub log: LogId,
    /// R: replicas of every segment on distinct backups. Zero makes everything durable at once (L1).
    pub replicas: usize,
    /// Capacity of a segment in bytes.
    pub segment_bytes: u32,
    /// Most bytes of one write. Default and most: [`ReplicaWrite::BYTES_MAX`].
    pub chunk_bytes: u32,
    /// Calls in flight to one backup. Default 8.
    pub calls_per_backup_max: u32,
    /// Closed segments that are brought back to R at the same time: they share processors and network with recoveries, for
    /// which clients wait. Default 2.
    pub recreations_max: usize,
    /// A replica is lost when a call to it got no answer for so long (P1). Default 2 s.
    pub replica_timeout: Duration,
    /// A backup that lost a replica or refused one gets no new ones for so long (P1). Default 2 s.
    pub avoid_for: Duration,
    /// Wait before a refused or unanswered call is repeated. Default 20 ms.
    pub retry_after: Duration,
    /// How often the driver ticks. Default 20 ms. Time between two ticks counts up to five of these: beyond
    /// that the master itself did not run (P1).
    pub tick: Duration,
    /// Where the random choices of backups come from.
    pub seed: u64,
    /// Protocol rules in force.
    pub rules: Rules,
}

/// Which setting can't be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplicatorConfigError {
    /// A write must carry something, and no more than a backup takes.
    #[error("chunk_bytes is {got}, must be in 1..={max}")]
    ChunkBytes {
        /// What was set.
        got: u32,
        /// The most.
        max: usize,
    },
    /// Copies may use half of the calls.
    #[error("calls_per_backup_max is {0}, must be at least 2")]
    Calls(u32),
    /// Nothing would ever be restored.
    #[error("recreations_max must not be zero")]
    Recreations,
    /// Timers that fire between two ticks are none.
    #[error("tick must be above zero and at most a tenth of replica_timeout")]
    Tick,
    /// Offsets are 32 bits and a segment holds something.
    #[error("segment_bytes must not be zero")]
    SegmentBytes,
}

impl ReplicatorConfig {
    /// Defaults for a log.
    #[must_use]
    pub fn new(log: LogId, replicas: usize, segment_bytes: u32) -> Self {
        Self {
            log,
            replicas,
            segment_bytes,
            chunk_bytes: ReplicaWrite::BYTES_MAX as u32,
            calls_per_backup_max: 8,
            recreations_max: 2,
            replica_timeout: Duration::from_secs(2),
            avoid_for: Duration::from_secs(2),
            retry_after: Duration::from_millis(20),
            tick: Duration::from_millis(20),
            seed: 0,
            rules: Rules::default(),
        }
    }

    /// Checks the settings against each other.
    pub fn validate(&self) -> Result<(), ReplicatorConfigError> {
        if self.chunk_bytes == 0 || self.chunk_bytes as usize > ReplicaWrite::BYTES_MAX {
            let (got, max) = (self.chunk_bytes, ReplicaWrite::BYTES_MAX);
            return Err(ReplicatorConfigError::ChunkBytes { got, max });
        }
        if self.calls_per_backup_max < 2 {
            return Err(ReplicatorConfigError::Calls(self.calls_per_backup_max));
        }
        if self.recreations_max == 0 {
            return Err(ReplicatorConfigError::Recreations);
        }
        if self.tick.is_zero() || self.tick * 10 > self.replica_timeout {
            return Err(ReplicatorConfigError::Tick);
        }
        if self.segment_bytes == 0 {
            return Err(ReplicatorConfigError::SegmentBytes);
        }
        Ok(())
    }
}
