//! Until when dead masters may still be serving.

use rekindle_env::Time;
use rekindle_types::ServerId;
use std::collections::BTreeMap;
use std::time::Duration;

/// How a server's death was proven (F9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It handed its lease back itself: it serves nothing any more.
    Left,
    /// Somebody saw its process exit, or holds the lock of its store. A wrong report, or a copy of its directory,
    /// says so of one that runs.
    Told,
}

/// When each server's last renewal was answered.
///
/// F3: noted on receipt, before the answer. Any server may have been renewed by the coordinator before, at the
/// latest when this one took office, and for longer than this one grants.
#[derive(Clone, Debug)]
pub struct Leases {
    former_over: Time,
    bound: Duration,
    renewed: BTreeMap<ServerId, Time>,
    /// Proven dead: whatever was granted to them, nobody holds it.
    ended: BTreeMap<ServerId, Proof>,
}

/// A lease has surely run out so long after its renewal was received, whatever the two clocks' drift (F2).
#[must_use]
pub fn lease_bound(lease: Duration) -> Duration {
    lease + lease / 100 + Duration::from_millis(5)
}

impl Leases {
    /// A coordinator takes office. At `former_over` all leases that others have granted are surely over;
    /// `bound` after a renewal the one that this coordinator has granted is.
    #[must_use]
    pub fn new(former_over: Time, bound: Duration) -> Self {
        Self { former_over, bound, renewed: BTreeMap::new(), ended: BTreeMap::new() }
    }

    /// A renewal was received and will be answered.
    pub fn renew(&mut self, server: ServerId, now: Time) {
        // The clock was read before this had its turn: a later renewal may have been noted meanwhile.
        let renewed = self.renewed.entry(server).or_insert(now);
        *renewed = now.max(*renewed);
    }

    /// F9: the server's process has ended, or has handed its lease back. No renewal of it may be answered any more,
    /// unless it [contradicts](Leases::contradict) the proof.
    pub fn end(&mut self, server: ServerId, proof: Proof) {
        let known = self.ended.entry(server).or_insert(proof);
        if proof == Proof::Left {
            *known = proof;
        }
    }

    /// A renewal was received of a server whose death others have proven: it lives, and may be serving. Whether the
    /// proof was wrong: then its lease is waited for again, at least from now on.
    pub fn contradict(&mut self, server: ServerId, now: Time) -> bool {
        if self.ended.get(&server) != Some(&Proof::Told) {
            return false;
        }
        self.ended.remove(&server);
        self.renew(server, now);
        true
    }

    /// When its lease was renewed last, by this coordinator.
    #[must_use]
    pub fn renewed(&self, server: ServerId) -> Option<Time> {
        self.renewed.get(&server).copied()
    }

    /// Whether a renewal of it was received so lately that its process is no doubt there.
    #[must_use]
    pub fn was_heard(&self, server: ServerId, now: Time, lately: Duration) -> bool {
        self.renewed.get(&server).is_some_and(|renewed| now.since(*renewed) <= lately)
    }

    /// Whether the server was proven dead.
    #[must_use]
    pub fn has_ended(&self, server: ServerId) -> bool {
        self.ended.contains_key(&server)
    }

    /// From this instant on the server surely serves nothing, if no further renewal is answered.
    #[must_use]
    pub fn surely_over(&self, server: ServerId) -> Time {
        if self.ended.contains_key(&server) {
            return Time(0);
        }
        let renewed = self.renewed.get(&server);
        renewed.map_or(self.former_over, |renewed| (*renewed + self.bound).max(self.former_over))
    }

    /// Forgets those that are no members any more and whose leases are over.
    pub fn forget(&mut self, now: Time, is_member: impl Fn(ServerId) -> bool) {
        let bound = self.bound;
        self.renewed.retain(|server, renewed| is_member(*server) || now <= *renewed + bound);
        // While a former coordinator's leases may hold, a proof is the only thing that knows better.
        self.ended.retain(|server, _| {
            is_member(*server) || now <= self.former_over || self.renewed.contains_key(server)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_millis(10);
    const MS: u64 = 1_000_000;

    #[test]
    fn the_bound_counts_from_the_last_renewal_or_from_office() {
        let mut leases = Leases::new(Time(110 * MS), BOUND);
        let server = ServerId(1);
        assert_eq!(leases.surely_over(server), Time(110 * MS));
        leases.renew(server, Time(105 * MS));
        assert_eq!(leases.surely_over(server), Time(115 * MS));
        leases.renew(server, Time(102 * MS));
        assert_eq!(leases.surely_over(server), Time(115 * MS), "one that was overtaken");
        leases.forget(Time(115 * MS), |_| false);
        assert_eq!(leases.surely_over(server), Time(115 * MS), "not before it is over");
        leases.forget(Time(116 * MS), |_| false);
        assert!(leases.surely_over(server) < Time(116 * MS));
    }

    #[test]
    fn a_proof_ends_what_anybody_has_granted_and_is_forgotten_with_it() {
        let mut leases = Leases::new(Time(110 * MS), BOUND);
        leases.renew(ServerId(1), Time(105 * MS));
        leases.end(ServerId(1), Proof::Told);
        leases.end(ServerId(2), Proof::Left);
        leases.forget(Time(110 * MS), |_| false);
        assert!([1, 2].iter().all(|s| leases.surely_over(ServerId(*s)) == Time(0)));
        assert_eq!(leases.surely_over(ServerId(3)), Time(110 * MS), "nobody has proven anything of this one");
        leases.forget(Time(112 * MS), |_| false);
        assert!(leases.has_ended(ServerId(1)) && !leases.has_ended(ServerId(2)));
        leases.forget(Time(116 * MS), |_| false);
        assert!(!leases.has_ended(ServerId(1)));
        assert!(leases.surely_over(ServerId(1)) < Time(116 * MS), "the wait is over without it");
    }

    #[test]
    fn a_renewal_contradicts_the_word_of_others_only() {
        let mut leases = Leases::new(Time(110 * MS), BOUND);
        let [left, told, both] = [1, 2, 3].map(ServerId);
        leases.end(left, Proof::Left);
        leases.end(told, Proof::Told);
        for proof in [Proof::Told, Proof::Left, Proof::Told] {
            leases.end(both, proof);
        }
        assert!(!leases.contradict(left, Time(120 * MS)) && !leases.contradict(both, Time(120 * MS)));
        assert!(leases.has_ended(left) && leases.has_ended(both));
        assert!(leases.contradict(told, Time(120 * MS)) && !leases.contradict(told, Time(121 * MS)));
        assert_eq!(leases.surely_over(told), Time(130 * MS), "it is waited for from that renewal on");
        assert!(
            leases.was_heard(told, Time(122 * MS), BOUND) && !leases.was_heard(told, Time(131 * MS), BOUND)
        );
    }

    #[test]
    fn a_renewal_takes_nothing_of_a_longer_former_lease_back() {
        let mut leases = Leases::new(Time(900 * MS), BOUND);
        leases.renew(ServerId(1), Time(105 * MS));
        assert_eq!(leases.surely_over(ServerId(1)), Time(900 * MS));
        leases.renew(ServerId(1), Time(895 * MS));
        assert_eq!(leases.surely_over(ServerId(1)), Time(905 * MS));
    }
}
