//! The simulator is tested too: without a rule it has to find something, and to say by which faults. All rules, over
//! thousands of seeds: `simulate mutations` (docs/simulating.md).
#![cfg(feature = "mutations")]

use rekindle_sim::faults::{FaultsConfig, Profile, play, shrink};
use rekindle_types::{Rule, Rules};
use std::time::Duration;

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
