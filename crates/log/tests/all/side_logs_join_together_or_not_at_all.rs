//! H6 and LOG-3: segments filled aside join the log all together, by a digest made after all of them are closed on
//! all R; or never.

use crate::rig::{Rig, config, object, poll};
use rekindle_log::{CommittedAt, LogError};
use rekindle_types::SegmentId;
use std::task::Poll;

const SIDE: SegmentId = SegmentId(2);

#[test]
fn a_digest_names_a_side_segment_only_after_it_is_closed() {
    let mut rig = Rig::opened();
    let side = rig.log.side_log();
    side.append(&object(b"a", 5, b"1")).unwrap();
    rig.step();
    rig.answer("open 2");
    let mut commit = Box::pin(side.commit());
    assert!(poll(&mut commit).is_pending());
    rig.step();
    assert_eq!(rig.sink.pending(), ["append 2", "close 2"]);
    rig.answer("append 2");
    assert_eq!(rig.sink.pending(), ["close 2"], "no head before the close is answered");
    rig.answer("close 2");
    assert_eq!(rig.sink.pending(), ["open 3", "close 1"]);
    assert_eq!(rig.sink.digest(SegmentId(3)).unwrap(), [1, 2, 3].map(SegmentId));
    rig.answer("open 3");
    assert!(poll(&mut commit).is_pending(), "the switch is not complete");
    rig.answer("close 1");
    assert_eq!(poll(&mut commit), Poll::Ready(Ok(CommittedAt { head: SegmentId(3) })));
}

#[test]
fn a_dropped_side_log_is_freed_and_never_in_a_digest() {
    let mut rig = Rig::answering();
    let segments = rig.log.stats().segments;
    let side = rig.log.side_log();
    let at = side.append(&object(b"a", 5, b"1")).unwrap().at;
    rig.step();
    assert!(rig.sink.is_kept(SIDE) && rig.log.entry(at).is_some());
    rig.roll();
    assert_eq!(rig.sink.digest(SegmentId(3)).unwrap(), [1, 3].map(SegmentId));
    drop(side);
    rig.step();
    assert!(!rig.sink.is_kept(SIDE) && rig.log.entry(at).is_none());
    rig.roll();
    assert_eq!(rig.sink.digest(SegmentId(4)).unwrap(), [1, 3, 4].map(SegmentId));
    assert_eq!(rig.log.stats().segments, segments + 2, "only the two heads have come");
}

#[test]
fn an_empty_side_log_commits() {
    let mut rig = Rig::answering();
    let mut commit = Box::pin(rig.log.side_log().commit());
    assert!(poll(&mut commit).is_pending());
    rig.step();
    assert_eq!(poll(&mut commit), Poll::Ready(Ok(CommittedAt { head: SIDE })));
}

#[test]
fn dropping_a_commit_that_has_begun_cancels_nothing() {
    let mut rig = Rig::opened();
    let side = rig.log.side_log();
    side.append(&object(b"a", 5, b"1")).unwrap();
    let mut commit = Box::pin(side.commit());
    assert!(poll(&mut commit).is_pending());
    drop(commit);
    rig.answer_all();
    assert_eq!(rig.log.current_head(), Some(SegmentId(3)));
    assert_eq!(rig.sink.digest(SegmentId(3)).unwrap(), [1, 2, 3].map(SegmentId));
}

#[test]
fn a_commit_that_never_began_frees() {
    let mut rig = Rig::answering();
    let side = rig.log.side_log();
    side.append(&object(b"a", 5, b"1")).unwrap();
    rig.step();
    drop(side.commit());
    rig.step();
    assert!(!rig.sink.is_kept(SIDE));
}

#[test]
fn a_side_log_can_not_eat_the_reserve_of_heads() {
    let mut rig = Rig::answering();
    let side = rig.log.side_log_with_lanes(2);
    let value = vec![0; 8 << 10];
    let mut lane = 0;
    let full = loop {
        lane += 1;
        if let Err(error) = side.append_in(lane, &object(b"a", 5, &value)) {
            break error;
        }
        rig.step();
    };
    assert!(matches!(full, LogError::Full { .. }));
    assert_eq!(side.segments().len() as u32, config().segments_max - 1 - 2);
    let mut commit = Box::pin(side.commit());
    assert!(poll(&mut commit).is_pending());
    rig.step();
    assert!(poll(&mut commit).is_ready(), "the head that commits it comes out of the reserve");
}
