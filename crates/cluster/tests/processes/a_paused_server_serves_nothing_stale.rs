//! SIGSTOP past its death, then SIGCONT: the zombie answers nobody with what was true before, and goes away.

use crate::cluster::{LONG, Story, config, connect};
use rekindle_cluster::local::role;

#[test]
fn a_zombie_is_passed_over_and_ends() {
    let mut story = Story::begin(config(4, 2));
    story.fill(1_000);
    // This one still goes by the old map when the zombie wakes.
    let late = connect(&story.cluster, "late");
    story.check_by(&late);

    let dead = story.cluster.server_id(0).unwrap();
    story.cluster.pause_storage(0).unwrap();
    story.until_recovered(dead);
    // Reads find the new owners; a write to the old one would have an unknown outcome.
    story.check();
    let keys: Vec<String> = story.written.keys().cloned().collect();
    story.put(&keys, "while it was away");

    story.cluster.resume_storage(0).unwrap();
    story.check_by(&late);
    let zombie = story.cluster.let_go(0, LONG).unwrap();
    assert_eq!(
        zombie.wait(LONG).unwrap().unwrap().code(),
        Some(role::ENDED.into()),
        "{}",
        zombie.complaints()
    );
    assert!(zombie.ended().unwrap().contains("dead"), "{:?}", zombie.ended());

    let id = story.cluster.start_storage(0).unwrap();
    assert_ne!(id, dead);
    story.check();
    assert_eq!(story.deaths(), [dead], "{}", story.timeline());
}
