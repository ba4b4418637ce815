//! Storms with backups and the coordinator's record on disks that forget what was not synced: as in memory, and also
//! servers that come back with their disks, and power failures of everything at once.

use rekindle_backup::Durability;
use rekindle_sim::{
    SimConfig, SimStore,
    storm::{Fault, StormConfig, play},
};
use std::collections::BTreeSet;

/// Enough for every kind of fault.
const SEEDS: u64 = 7;

#[test]
fn acknowledged_writes_survive_with_disks() {
    let mut seen = BTreeSet::new();
    for seed in 0..SEEDS {
        let durability = if seed % 4 == 3 { Durability::Buffered } else { Durability::Persistent };
        let storm = StormConfig::new(seed);
        let sim = SimConfig { store: SimStore::Disks(durability), ..storm.sim };
        let report = play(&StormConfig { sim, ..storm }).unwrap();
        assert!(report.counts.written > 50, "seed {seed} wrote too little: {report:?}");
        assert!(report.recoveries > 0, "seed {seed} recovered nothing: {report:?}");
        seen.extend(report.faults);
    }
    let all = Fault::of(SimStore::Disks(Durability::Persistent));
    assert_eq!(seen.len(), all.len(), "a kind of fault never happened: take more seeds");
}
