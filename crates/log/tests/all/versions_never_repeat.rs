//! V1: a head reserves versions above all that are given before the next; what replay has seen is exceeded.

use crate::rig::{Rig, poll};
use rekindle_log::SegmentSource;
use rekindle_log::segment::{Parsed, SafeVersion, SegmentReader};
use rekindle_types::{SegmentId, Version};

fn safe_version(rig: &Rig, head: SegmentId) -> Version {
    let (bytes, cert) = rig.log.pin(head).unwrap();
    let second = SegmentReader::new(&bytes, cert).unwrap().entries().nth(1).unwrap().unwrap();
    match second.parse().unwrap() {
        Parsed::SafeVersion(SafeVersion(version)) => version,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_head_reserves_above_the_counter() {
    let mut rig = Rig::answering();
    assert_eq!(safe_version(&rig, SegmentId(1)), Version(1 << 32));
    assert_eq!(rig.log.next_version(), Ok(Version(1)));
    assert_eq!(rig.log.next_version(), Ok(Version(2)));
    rig.roll();
    assert_eq!(safe_version(&rig, SegmentId(2)), Version((1 << 32) + 2));
    assert_eq!(rig.log.next_version(), Ok(Version(3)));
}

#[test]
fn what_replay_has_seen_is_exceeded_by_the_head_that_commits_it() {
    let mut rig = Rig::answering();
    let seen = Version(1 << 40);
    rig.log.raise_version(seen);
    assert_eq!(rig.log.next_version(), Ok(Version(1)), "the present head has reserved no more than it has");
    let mut commit = Box::pin(rig.log.side_log().commit());
    assert!(poll(&mut commit).is_pending());
    rig.step();
    assert!(poll(&mut commit).is_ready());
    let head = rig.log.current_head().unwrap();
    assert_eq!(safe_version(&rig, head), Version((1 << 40) + (1 << 32)));
    assert_eq!(rig.log.next_version(), Ok(Version((1 << 40) + 1)));
    rig.log.raise_version(Version(5));
    rig.roll();
    assert_eq!(rig.log.next_version(), Ok(Version((1 << 40) + 2)), "never lowered");
}

#[cfg(feature = "mutations")]
#[test]
fn without_v1_a_head_reserves_nothing() {
    use rekindle_types::{Rule, Rules};
    let mut config = crate::rig::config();
    config.rules = Rules::without(Rule::V1);
    let mut rig = Rig::new(config);
    rig.answer_all();
    let given = rig.log.next_version().unwrap();
    assert!(safe_version(&rig, SegmentId(1)) < given, "a crash now gives it again");
    rig.log.raise_version(Version(1 << 40));
    rig.roll();
    assert!(rig.log.next_version().unwrap() < Version(1 << 40), "below what replay has seen");
}

#[cfg(feature = "mutations")]
#[test]
fn without_c6_an_id_names_two_segments() {
    use crate::rig::object;
    use rekindle_types::{Rule, Rules};
    let second = |rules| {
        let mut config = crate::rig::config();
        config.rules = rules;
        let mut rig = Rig::new(config);
        rig.answer_all();
        let side = rig.log.side_log();
        side.append(&object(b"a", 1, b"1")).unwrap();
        rig.step();
        let first = side.segments();
        drop(side);
        rig.step();
        let side = rig.log.side_log();
        side.append(&object(b"b", 2, b"2")).unwrap();
        (first, side.segments())
    };
    let (first, again) = second(Rules::default());
    assert_ne!(first, again);
    let (first, again) = second(Rules::without(Rule::C6));
    assert_eq!(first, again);
}
