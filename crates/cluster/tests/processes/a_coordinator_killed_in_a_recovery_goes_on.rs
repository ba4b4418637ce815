//! kill -9 of the coordinator in the middle of a recovery: the next one, at the same address, brings it to its end.

use crate::cluster::{Story, config};
use rekindle_coordinator::Event;

#[test]
fn the_next_coordinator_ends_the_recovery() {
    let mut story = Story::begin(config(4, 2));
    story.fill(1_000);
    let (dead, address) = (story.cluster.server_id(2).unwrap(), story.cluster.address());
    story.cluster.kill_storage(2).unwrap();
    story.until(|event| matches!(event, Event::Planned { .. }), "a plan");
    story.cluster.kill_coordinator().unwrap();
    let first = story.cluster.events();
    assert!(first.iter().all(|seen| seen.event != Event::Recovered(dead)), "{}", story.timeline());

    story.cluster.start_coordinator().unwrap();
    assert_eq!(story.cluster.address(), address);
    story.until_recovered(dead);
    story.check();
    // What both saw is one story, in one order.
    let events = story.cluster.events();
    assert!(events.starts_with(&first) && events.is_sorted_by_key(|seen| (seen.term, seen.at_ns)));
    assert_eq!(story.deaths(), [dead], "{}", story.timeline());
    let keys: Vec<String> = story.written.keys().step_by(2).cloned().collect();
    story.put(&keys, "under the second coordinator");
    story.check();
}
