//! The right to serve, for a short time (F2).

use rekindle_env::Time;
use rekindle_types::{Rule, Rules};
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

/// A master's lease on its own clock. Ends by itself, and for good once the server is no member any more.
#[derive(Debug)]
pub struct Lease {
    rules: Rules,
    /// A renewal is never taken to be worth more.
    duration_max: Duration,
    /// Nanoseconds of the clock. Written by the lease keeper, read by every object call. Relaxed is enough: a
    /// reader that sees an older value serves less.
    until: AtomicU64,
    /// Written once. Acquire and release: who sees it also sees that the tablets are gone.
    is_revoked: AtomicBool,
}

impl Lease {
    /// No lease yet; each renewal will be worth `duration_max` at most.
    #[must_use]
    pub fn new(duration_max: Duration, rules: Rules) -> Self {
        Self { rules, duration_max, until: AtomicU64::new(0), is_revoked: AtomicBool::new(false) }
    }

    /// A renewal that was *sent* at `sent` was answered: the coordinator holds it to be worth `granted`.
    pub fn renewed(&self, sent: Time, granted: Duration) {
        // F2: from sending, since the coordinator counts from receipt, which is later. An answer that comes
        // late, or after those of later renewals, never shortens it.
        let until = sent + granted.min(self.duration_max);
        self.until.fetch_max(until.0, Ordering::Relaxed);
    }

    /// Ends it for good: declared dead is final.
    pub fn revoke(&self) {
        self.is_revoked.store(true, Ordering::Release);
    }

    /// Whether the master may serve a request that was taken off the wire before `now` was read.
    #[inline]
    #[must_use]
    pub fn is_valid(&self, now: Time) -> bool {
        // F2: beyond it another master may serve the tablets already.
        let is_within = now.0 < self.until.load(Ordering::Relaxed) || !self.rules.on(Rule::F2);
        is_within && !self.is_revoked.load(Ordering::Acquire)
    }

    /// Whether it was ended for good.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.is_revoked.load(Ordering::Acquire)
    }

    /// When it ends unless renewed.
    #[must_use]
    pub fn until(&self) -> Time {
        Time(self.until.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_millis(250);

    fn at(ms: u64) -> Time {
        Time(ms * 1_000_000)
    }

    #[test]
    fn a_lease_counts_from_sending_and_never_shrinks() {
        let lease = Lease::new(LEASE, Rules::default());
        assert!(!lease.is_valid(at(0)), "no renewal, no lease");
        lease.renewed(at(100), LEASE);
        assert!(lease.is_valid(at(349)));
        assert!(!lease.is_valid(at(350)));
        lease.renewed(at(50), LEASE); // An answer that was overtaken.
        assert!(lease.is_valid(at(349)));
        lease.renewed(at(200), LEASE * 2);
        assert!(!lease.is_valid(at(450)), "never more than it was set up for");
        lease.renewed(at(400), LEASE / 2);
        assert!(lease.is_valid(at(524)) && !lease.is_valid(at(525)), "nor than it was granted");
    }

    #[test]
    fn a_revoked_lease_stays_so() {
        let lease = Lease::new(LEASE, Rules::default());
        lease.renewed(at(100), LEASE);
        lease.revoke();
        assert!(!lease.is_valid(at(101)));
        lease.renewed(at(200), LEASE);
        assert!(!lease.is_valid(at(201)));
    }
}
