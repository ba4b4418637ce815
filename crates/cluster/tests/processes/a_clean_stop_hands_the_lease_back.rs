//! F9: a server that stops cleanly hands its lease back, so that its recovery waits for nothing.

use crate::cluster::{LONG, Story, config};
use rekindle_coordinator::Event;
use std::time::Duration;

#[test]
fn its_recovery_does_not_wait_for_the_lease() {
    let mut config = config(4, 2);
    // Long enough that waiting for it would show.
    config.times.lease_ms = 20_000;
    config.times.dead_after_ms = 21_000;
    config.times.mass_grace_ms = 22_000;
    config.times.replica_timeout_ms = 22_000;
    config.times.stuck_after_ms = 22_000;
    let mut story = Story::begin(config);
    story.fill(500);
    let gone = story.cluster.server_id(3).unwrap();
    story.cluster.stop_storage(3, LONG).unwrap();
    story.until_recovered(gone);
    story.check();
    let events = story.cluster.events();
    let at = |wanted: &Event| events.iter().find(|seen| seen.event == *wanted).unwrap().at();
    let took = at(&Event::Recovered(gone)).since(at(&Event::Fenced(gone)));
    assert!(took < Duration::from_millis(story.cluster.config().times.lease_ms), "{}", story.timeline());
}

#[test]
fn a_whole_cluster_stops_cleanly_and_starts_again() {
    let dir = tempfile::tempdir().unwrap();
    let config = rekindle_cluster::local::ClusterConfig { dir: Some(dir.path().to_owned()), ..config(3, 1) };
    let mut story = Story::begin(config.clone());
    story.fill(300);
    let Story { cluster, client, table, written } = story;
    drop((table, client));
    let id = cluster.id();
    cluster.stop(LONG).unwrap();
    let cluster = rekindle_cluster::local::Cluster::start(
        rekindle_cluster::local::Launcher::new(crate::cluster::NODE),
        config,
    )
    .unwrap();
    assert_eq!(cluster.id(), id);
    let client = crate::cluster::connect(&cluster, "client");
    let table = client.block_on(client.table("t")).unwrap();
    let story = Story { cluster, client, table, written };
    story.check();
}
