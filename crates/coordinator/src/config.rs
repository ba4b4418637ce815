//! What a coordinator is told when it starts.

use crate::entity::ClusterShape;
use rekindle_types::Rules;
use std::time::Duration;

/// How long things may take. Validated together: they depend on each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Between two renewals of a server. Default 50 ms.
    pub heartbeat: Duration,
    /// A master serves so long after sending a renewal that was answered (F2). Default 250 ms.
    pub lease: Duration,
    /// A suspect has so long to answer probes (F7). Default 150 ms.
    pub probe_timeout: Duration,
    /// Silence that is death (F7). Default 1 s.
    pub dead_after: Duration,
    /// A master gives up a replica's backup after this (P1). Default 2 s.
    pub replica_timeout: Duration,
    /// Service threads tick at least so often (F7). Default 2 s.
    pub stuck_after: Duration,
    /// A hold (F8) ends after this when nobody was heard since the coordinator started. Default 30 s.
    pub mass_grace_cold: Duration,
    /// A hold (F8) ends after this otherwise. Default 5 s.
    pub mass_grace: Duration,
    /// An order or a call has so long. Default 10 s.
    pub call_deadline: Duration,
}

impl Default for Times {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self {
            heartbeat: ms(50),
            lease: ms(250),
            probe_timeout: ms(150),
            dead_after: ms(1_000),
            replica_timeout: ms(2_000),
            stuck_after: ms(2_000),
            mass_grace_cold: ms(30_000),
            mass_grace: ms(5_000),
            call_deadline: ms(10_000),
        }
    }
}

impl Times {
    /// Checks what one time demands of the others.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let grace = self.mass_grace.min(self.mass_grace_cold);
        let checks = [
            ("heartbeat", self.heartbeat, "nothing", Duration::ZERO),
            ("probe_timeout", self.probe_timeout, "nothing", Duration::ZERO),
            ("stuck_after", self.stuck_after, "nothing", Duration::ZERO),
            ("call_deadline", self.call_deadline, "nothing", Duration::ZERO),
            ("lease", self.lease, "3 heartbeats", self.heartbeat * 3),
            ("dead_after", self.dead_after, "lease", self.lease),
            ("replica_timeout", self.replica_timeout, "dead_after", self.dead_after),
            ("mass_grace", grace, "dead_after", self.dead_after),
        ];
        match checks.into_iter().find(|(_, value, _, above)| value <= above) {
            None => Ok(()),
            Some((name, value, bound, above)) => Err(ConfigError::Time { name, value, bound, above }),
        }
    }

    /// The lease as it is granted, and recorded.
    #[must_use]
    pub fn lease_ms(&self) -> u32 {
        u32::try_from(self.lease.as_millis()).unwrap_or(u32::MAX)
    }
}

/// How many replicas a cluster keeps: named once, when it is made (L1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterSize {
    /// So many servers are expected: R = min(3, servers - 2), but 1 for two servers and 0 for one.
    Servers(u32),
    /// R itself; R + 1 servers are expected.
    Replicas(u32),
}

impl ClusterSize {
    /// What is recorded of it.
    #[must_use]
    pub fn shape(self) -> ClusterShape {
        let (replicas, servers_min) = match self {
            Self::Servers(servers @ 0..=2) => (servers.saturating_sub(1), servers.max(1)),
            Self::Servers(servers) => (3.min(servers - 2), servers),
            Self::Replicas(replicas) => (replicas, replicas.saturating_add(1)),
        };
        ClusterShape { replicas, servers_min, is_formed: false }
    }
}

/// What a coordinator is told when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoordinatorConfig {
    /// Counts only when the meta log is empty: what was recorded then holds.
    pub size: ClusterSize,
    /// How long things may take.
    pub times: Times,
    /// Most bytes of one partition of a recovery. Default 500 MiB.
    pub partition_bytes: u64,
    /// Fewest bytes of one partition that are worth another recovery master. Default 4 MiB.
    pub partition_bytes_min: u64,
    /// Which protocol rules are in force.
    pub rules: Rules,
}

impl CoordinatorConfig {
    /// The defaults for a cluster of this size.
    #[must_use]
    pub fn new(size: ClusterSize) -> Self {
        Self {
            size,
            times: Times::default(),
            partition_bytes: 500 << 20,
            partition_bytes_min: 4 << 20,
            rules: Rules::default(),
        }
    }

    /// Checks all of it.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.partition_bytes == 0 {
            return Err(ConfigError::Partition);
        }
        self.times.validate()
    }
}

/// A configuration that can't work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Raise it, or lower the other.
    #[error("{name} is {value:?}: it must be above {bound} ({above:?})")]
    Time {
        /// Which time.
        name: &'static str,
        /// What it is.
        value: Duration,
        /// Of what.
        bound: &'static str,
        /// What that is.
        above: Duration,
    },
    /// Give partitions a size.
    #[error("partition_bytes is zero")]
    Partition,
}
