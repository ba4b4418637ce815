//! Times of a cluster, as configuration says them, and the clock of the machine.

use rekindle_coordinator::Times;
use rekindle_env::Time;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The machine's clock since it started, suspended time counted: the same in all of its processes, so what one
/// process saw can be compared with what another did.
#[must_use]
pub fn boot_time() -> Time {
    let now = clock_gettime(ClockId::Boottime);
    let part = |part: i64| u64::try_from(part).expect("the machine's clock began at zero");
    Time(part(now.tv_sec) * 1_000_000_000 + part(now.tv_nsec))
}

/// The times of docs/protocols.md in milliseconds, the same in the whole cluster. Defaults: those of [`Times`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeTimes {
    /// Between two renewals of a server.
    pub heartbeat_ms: u64,
    /// A master serves so long after sending a renewal that was answered (F2).
    pub lease_ms: u64,
    /// A suspect has so long to answer probes (F7).
    pub probe_timeout_ms: u64,
    /// Silence that is death (F7).
    pub dead_after_ms: u64,
    /// A master gives up a replica's backup after this (P1).
    pub replica_timeout_ms: u64,
    /// Service threads tick at least so often (F7).
    pub stuck_after_ms: u64,
    /// A hold (F8) ends after this when nobody was heard since the coordinator started.
    pub mass_grace_cold_ms: u64,
    /// A hold (F8) ends after this otherwise.
    pub mass_grace_ms: u64,
    /// An order or a call has so long.
    pub call_timeout_ms: u64,
}

impl Default for NodeTimes {
    fn default() -> Self {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let times = Times::default();
        Self {
            heartbeat_ms: ms(times.heartbeat),
            lease_ms: ms(times.lease),
            probe_timeout_ms: ms(times.probe_timeout),
            dead_after_ms: ms(times.dead_after),
            replica_timeout_ms: ms(times.replica_timeout),
            stuck_after_ms: ms(times.stuck_after),
            mass_grace_cold_ms: ms(times.mass_grace_cold),
            mass_grace_ms: ms(times.mass_grace),
            call_timeout_ms: ms(times.call_deadline),
        }
    }
}

impl NodeTimes {
    /// For a cluster all of whose processes share one machine. A disk or a core that is taken for a while slows all of
    /// them at once, so a backup that lives and does not answer is given up after ten seconds only: what is given up
    /// has to be written again elsewhere, which slows them more. Deaths are not found out by it. Without optimisation,
    /// where a handshake takes as long as a probe may, everything has four times as long.
    #[must_use]
    pub fn of_one_machine() -> Self {
        let times = Self { replica_timeout_ms: 10_000, ..Self::default() };
        if !cfg!(debug_assertions) {
            return times;
        }
        Self {
            heartbeat_ms: 4 * times.heartbeat_ms,
            lease_ms: 4 * times.lease_ms,
            probe_timeout_ms: 4 * times.probe_timeout_ms,
            dead_after_ms: 4 * times.dead_after_ms,
            stuck_after_ms: 4 * times.stuck_after_ms,
            mass_grace_ms: 4 * times.mass_grace_ms,
            ..times
        }
    }

    /// As the coordinator takes them.
    #[must_use]
    pub fn times(&self) -> Times {
        let ms = Duration::from_millis;
        Times {
            heartbeat: ms(self.heartbeat_ms),
            lease: ms(self.lease_ms),
            probe_timeout: ms(self.probe_timeout_ms),
            dead_after: ms(self.dead_after_ms),
            replica_timeout: ms(self.replica_timeout_ms),
            stuck_after: ms(self.stuck_after_ms),
            mass_grace_cold: ms(self.mass_grace_cold_ms),
            mass_grace: ms(self.mass_grace_ms),
            call_deadline: ms(self.call_timeout_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_the_coordinators() {
        assert_eq!(NodeTimes::default().times(), Times::default());
    }

    #[test]
    fn the_clock_of_the_machine_goes_on() {
        let earlier = boot_time();
        assert!(earlier.0 > 0 && boot_time() >= earlier);
    }
}
