//! The simulator is tested too: without a rule it has to find something, and to say by which faults.
#![cfg(feature = "mutations")]

use rekindle_sim::faults::{FaultsConfig, Profile, play, shrink};
use rekindle_types::{Rule, Rules};
use std::{
    io::Write,
    panic,
    time::{Duration, Instant},
};

/// Seeds within which each rule has to be missed.
const SEEDS_MAX: u64 = 1_000;

/// The first of the runs that breaks something without the rule, and its account.
fn first_broken(rule: Rule, mut runs: impl Iterator<Item = FaultsConfig>) -> Option<(FaultsConfig, String)> {
    runs.find_map(|run| {
        let run = run.with_rules(Rules::without(rule));
        play(&run).err().map(|what| (run, what))
    })
}

#[test]
fn a_schedule_is_made_as_short_as_can_be() {
    let short =
        |seed| FaultsConfig { length: Duration::from_secs(6), ..FaultsConfig::new(seed, Profile::Pairs) };
    let (config, _) = first_broken(Rule::V3, (0..20).map(short)).expect("reads show what a crash takes back");
    let (shortest, what) = shrink(&config, |_| {}).expect("it broke something before");
    assert!(shortest.0.len() <= config.schedule().0.len());
    let again = play(&FaultsConfig { schedule: Some(shortest), ..config });
    assert_eq!(again.unwrap_err(), what, "the shortest schedule breaks the same again");
}

/// `cargo test --release -p rekindle-sim --features mutations --test all -- every_rule --ignored --nocapture`
#[test]
#[ignore = "takes an hour: see docs/simulating.md"]
fn every_rule_is_missed_within_a_thousand_seeds() {
    panic::set_hook(Box::new(|_| {}));
    let mut never = Vec::new();
    let from = std::env::var("FROM").ok().and_then(|from| from.parse().ok()).unwrap_or(0);
    for rule in Rule::ALL {
        let start = Instant::now();
        let runs = (from..from + SEEDS_MAX).map(|seed| FaultsConfig::new(seed, Profile::of(seed)));
        let found = first_broken(*rule, runs);
        let line = match &found {
            Some((config, what)) => {
                let (seed, what) = (config.sim.seed, what.lines().next().unwrap_or_default());
                format!("after {} seeds: {what:.200}", seed - from + 1)
            }
            None => "never".to_owned(),
        };
        // Written past the test harness, so that one sees it come.
        let _ = writeln!(std::io::stdout(), "{rule:?} {:.0?} {line}", start.elapsed());
        never.extend(found.is_none().then_some(*rule));
    }
    drop(panic::take_hook());
    assert!(never.is_empty(), "nobody misses {never:?}: the simulator lacks a fault or a check");
}
