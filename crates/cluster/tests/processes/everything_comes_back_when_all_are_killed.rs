//! SIGKILL of every process, then all are started again: what was acknowledged is there.

use crate::cluster::{Story, config};

#[test]
fn what_was_acknowledged_is_there_again() {
    let mut story = Story::begin(config(4, 2));
    story.fill(1_000);
    let before: Vec<_> = (0..4).map(|server| story.cluster.server_id(server).unwrap()).collect();
    story.cluster.kill_all().unwrap();
    assert!(story.cluster.coordinator().is_none() && story.cluster.storage(0).is_none());
    story.cluster.start_all().unwrap_or_else(|error| panic!("{error}\n{}", story.timeline()));
    story.check();
    let report = story.cluster.coordinator_report().unwrap();
    assert!(report.tablets.iter().all(|tablet| !before.contains(&tablet.owner)), "{report:#?}");
    let keys: Vec<String> = story.written.keys().step_by(2).cloned().collect();
    story.put(&keys, "in the second life");
    story.check();
}
