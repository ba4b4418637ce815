//! F7. A link that loses everything one way, between two servers, is no death: probes by the coordinator and by
//! others go round it. Writes go on, with replicas on other backups.

use rekindle_coordinator::Event;
use rekindle_sim::faults::{Fault, FaultsConfig, Pick, Profile, Schedule, Strike, play_watched};
use std::time::Duration;

#[test]
fn one_bad_link_kills_nobody() {
    // From s1 to the second of the others.
    let cut = Fault::CutOneWay { from: Pick(1), to: Pick(1) };
    let strike =
        Strike { at: Duration::from_secs(1), during: None, fault: cut, lasts: Duration::from_secs(15) };
    let config = FaultsConfig {
        length: Duration::from_secs(17),
        schedule: Some(Schedule(vec![strike])),
        ..FaultsConfig::new(11, Profile::Calm)
    };
    let mut timeline = None;
    let report = play_watched(&config, |cluster, _| timeline = Some(cluster.timeline.clone())).unwrap();
    assert!(report.counts.written > 700, "{:?}", report.counts);
    assert!(report.network.lost > 0, "{:?}", report.network);
    let timeline = timeline.expect("the cluster was seen");
    assert_eq!(timeline.count(|event| matches!(event, Event::Fenced(_))), 0, "{:?}", timeline.events());
}
