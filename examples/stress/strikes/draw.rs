//! What happens when: drawn, and nothing else.

use crate::{args::Strike, checked::SplitMix, plan::Plan};
use std::{collections::BTreeSet, time::Duration};

/// Of eight kills so many are of one storage server, of two, and of the coordinator.
const KILLS: [(Strike, u64); 3] = [(Strike::Kill, 5), (Strike::Pair, 2), (Strike::Coordinator, 1)];
/// Longest pause: the process is dead for the cluster long before.
const PAUSE_MAX: Duration = Duration::from_secs(4);

/// Draws what happens next.
pub struct Draw {
    rng: SplitMix,
    strikes: BTreeSet<Strike>,
    every: Duration,
    restart_after: Option<Duration>,
    lease: Duration,
}

impl Draw {
    /// Of a plan that has strikes.
    pub fn new(plan: &Plan, every: Duration, lease: Duration) -> Self {
        let rng = SplitMix(SplitMix(plan.seed).next() ^ 0x6b69_6c6c);
        Self { rng, strikes: plan.strikes.clone(), every, restart_after: plan.restart_after, lease }
    }

    /// The times of all strikes within `time`, and whether each is a kill: one in the middle of every interval, and a
    /// pause between two kills.
    pub fn times(&self, time: Duration) -> Vec<(Duration, bool)> {
        let kills = self.strikes.iter().any(|strike| *strike != Strike::Pause);
        let pauses = self.strikes.contains(&Strike::Pause);
        let halves = (1..).map(|half: u32| (self.every * half / 2, half % 2 == 1));
        let within = halves.take_while(|(at, _)| *at < time);
        within.filter(|(_, is_kill)| if *is_kill { kills } else { pauses }).collect()
    }

    /// Who is killed.
    pub fn kill(&mut self) -> Strike {
        let kinds: Vec<_> = KILLS.into_iter().filter(|(kind, _)| self.strikes.contains(kind)).collect();
        let mut at = self.rng.below(kinds.iter().map(|(_, weight)| weight).sum());
        for (kind, weight) in kinds {
            if at < weight {
                return kind;
            }
            at -= weight;
        }
        unreachable!("the number drawn is below the sum of the weights")
    }

    /// Some of these.
    pub fn choose(&mut self, mut among: Vec<u32>, count: usize) -> Vec<u32> {
        let mut draw = || among.swap_remove(self.rng.below(among.len() as u64) as usize);
        (0..count).map(|_| draw()).collect()
    }

    /// How long a server is stopped: one half of the time for less than its lease, else for more.
    pub fn pause(&mut self) -> Duration {
        let (from, to) = match self.rng.below(2) {
            0 => (self.lease / 10, self.lease / 2),
            _ => (self.lease + self.lease / 5, PAUSE_MAX.max(self.lease * 2)),
        };
        from + self.part(to - from)
    }

    /// How long a killed process stays away.
    pub fn away(&mut self) -> Duration {
        match self.restart_after {
            Some(after) => after,
            None => self.part(self.every / 2),
        }
    }

    fn part(&mut self, of: Duration) -> Duration {
        Duration::from_millis(self.rng.below(of.as_millis().max(1) as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args;
    use clap::Parser;

    fn draw(options: &[&str]) -> Draw {
        let plan = Plan::new(&Args::parse_from(std::iter::once(&"stress").chain(options))).unwrap();
        let every = plan.kill_every.unwrap();
        Draw::new(&plan, every, Duration::from_millis(250))
    }

    #[test]
    fn two_minutes_have_twelve_kills() {
        let count = |options: &[&str]| draw(options).times(Duration::from_secs(120)).len();
        let kills = draw(&[]).times(Duration::from_secs(120)).iter().filter(|(_, is_kill)| *is_kill).count();
        assert_eq!(kills, 12);
        assert_eq!((count(&["--strikes", "kill"]), count(&["--strikes", "pause"])), (12, 11));
    }

    #[test]
    fn only_what_was_chosen_happens_and_all_of_that() {
        let kinds = |options: &[&str]| {
            let mut draw = draw(options);
            (0..200).map(|_| draw.kill()).collect::<BTreeSet<_>>()
        };
        assert_eq!(kinds(&["--strikes", "pair"]), [Strike::Pair].into());
        assert_eq!(kinds(&[]), [Strike::Kill, Strike::Pair, Strike::Coordinator].into());
    }

    #[test]
    fn pauses_are_shorter_and_longer_than_the_lease() {
        let mut draw = draw(&[]);
        let pauses: Vec<_> = (0..100).map(|_| draw.pause()).collect();
        let lease = Duration::from_millis(250);
        assert!(pauses.iter().any(|pause| *pause < lease) && pauses.iter().any(|pause| *pause > lease));
        assert!(pauses.iter().all(|pause| *pause <= PAUSE_MAX && *pause >= lease / 10));
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let all = |seed: &str| {
            let mut draw = draw(&["--seed", seed]);
            (0..20).map(|_| (draw.kill(), draw.choose((0..6).collect(), 2), draw.away())).collect::<Vec<_>>()
        };
        assert_eq!(all("3"), all("3"));
        assert_ne!(all("3"), all("4"));
    }
}
