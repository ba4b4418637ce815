//! Load, kill, recover, verify, over seeds: kills of one server, two at once, a recovery master, the coordinator
//! at a record, a server that stood still or lost the coordinator; under calm and rough networks. Acknowledged writes hold, unknown
//! ones may go either way, deleted keys stay absent, versions never repeat, each tablet has one owner.

use rekindle_sim::{
    SimStore,
    storm::{Fault, StormConfig, play},
};
use std::collections::BTreeSet;

/// Enough for every kind of fault. More: `cargo run --release --example simulate -- storm --seeds N`.
const SEEDS: u64 = 12;

#[test]
fn acknowledged_writes_survive_any_seed() {
    let mut seen = BTreeSet::new();
    for seed in 0..SEEDS {
        let report = play(&StormConfig::new(seed)).unwrap();
        assert!(report.counts.written > 100, "seed {seed} wrote too little: {report:?}");
        assert!(report.recoveries > 0, "seed {seed} recovered nothing: {report:?}");
        seen.extend(report.faults);
    }
    assert_eq!(
        seen.len(),
        Fault::of(SimStore::Memory).len(),
        "a kind of fault never happened: take more seeds"
    );
}
