//! A head that has lost a replica waits for its floor, and writes wait for the head. When the coordinator dies just then,
//! and servers still know others that were deposed before, writes go on as soon as the next one is in office. They waited
//! for ten seconds more.

use rekindle_env::memory::Crash;
use rekindle_sim::faults::{Fault, FaultsConfig, Pick, Profile, Schedule, Step, Strike, play};
use std::time::Duration;

#[test]
fn writes_go_on_soon_after_the_coordinator() {
    let crash = Crash::DropUnsynced;
    let strike = |at_s, fault, lasts_ms| Strike {
        at: Duration::from_secs(at_s),
        during: None,
        fault,
        lasts: Duration::from_millis(lasts_ms),
    };
    let deposed = [(1, 1), (4, 3), (7, 2)];
    let mut schedule =
        deposed.map(|(at_s, loyal)| strike(at_s, Fault::Depose { loyal: Pick(loyal) }, 600)).to_vec();
    schedule.push(strike(11, Fault::Kill { server: Pick(2), crash }, 400));
    let dies = strike(11, Fault::KillCoordinator { crash }, 3_500);
    schedule.push(Strike { during: Some(Step::HurtHead), ..dies });
    let config = FaultsConfig {
        length: Duration::from_secs(30),
        schedule: Some(Schedule(schedule)),
        ..FaultsConfig::new(10, Profile::Coordinators)
    };
    let report = play(&config).unwrap();
    assert_eq!(report.coverage.total(), 5, "{:?}", report.coverage);
    assert!(report.longest.write < Duration::from_secs(2), "{:?}", report.longest);
}
