//! A fault of each kind strikes, alone, and is borne.

use rekindle_env::memory::World;
use rekindle_sim::faults::{FaultsConfig, Kind, Profile, Schedule, Step, play};
use std::time::Duration;

const LENGTH: Duration = Duration::from_secs(4);

/// A run of the profile with all kinds in which one of this kind strikes, as early as it can, and nothing else does.
fn one_of(kind: Kind) -> FaultsConfig {
    let drawn = (0..1_000).find_map(|seed| {
        let config = FaultsConfig { length: LENGTH, ..FaultsConfig::new(seed, Profile::Mixed) };
        let found = config.schedule().0.into_iter().find(|strike| strike.fault.kind() == kind)?;
        let alone = rekindle_sim::faults::Strike { at: Duration::from_secs(1), during: None, ..found };
        Some(FaultsConfig { schedule: Some(Schedule(vec![alone])), ..config })
    });
    drawn.unwrap_or_else(|| panic!("{kind} is drawn seldom"))
}

#[test]
fn every_kind_of_fault_strikes_and_is_borne() {
    for kind in Kind::ALL {
        let report = play(&one_of(kind)).unwrap_or_else(|what| panic!("{what}"));
        assert_eq!((report.coverage.of(kind), report.left_out), (1, 0), "{kind}: {report:?}");
    }
}

#[test]
fn schedules_are_drawn_for_every_kind_and_step() {
    let mut drawn = std::collections::BTreeSet::new();
    for seed in 0..3_000 {
        let rng = World::new(seed).rng("schedule");
        let store = Profile::Mixed.cluster(seed).store;
        let Schedule(strikes) = Schedule::draw(Profile::Mixed, store, Duration::from_secs(60), &*rng);
        assert!((4..=16).contains(&strikes.len()));
        drawn.extend(strikes.iter().filter_map(|strike| Some((strike.fault.kind(), strike.during?))));
    }
    // The others are there now and then, whoever waits for them.
    let waited_for = Step::ALL.into_iter().filter(|step| *step != Step::Quiet);
    for step in waited_for {
        let kinds = Kind::ALL.into_iter().filter(|kind| !drawn.contains(&(*kind, step)));
        assert_eq!(kinds.collect::<Vec<_>>(), [], "never at {step}");
    }
}
