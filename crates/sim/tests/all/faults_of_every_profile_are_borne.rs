//! Some seconds of every kind of bad times. More, and longer: `cargo run --release --example simulate -- faults`.

use rekindle_sim::faults::{Coverage, FaultsConfig, Profile, play};
use std::time::Duration;

#[test]
fn faults_of_every_profile_are_borne() {
    let mut coverage = Coverage::default();
    for (seed, profile) in (900..).zip(Profile::ALL) {
        let length = Duration::from_secs(5);
        let report = play(&FaultsConfig { length, ..FaultsConfig::new(seed, profile) });
        let report = report.unwrap_or_else(|what| panic!("{what}"));
        assert!(report.coverage.total() == 0 || profile != Profile::Calm, "{report:?}");
        assert!(report.counts.written > 40 && report.counts.read > 40, "{profile}: {:?}", report.counts);
        coverage.add(&report.coverage);
    }
    assert!(coverage.total() > 20, "{coverage:?}");
}
