//! A recovery master pulls each segment from the first backup that has it whole, with bounds, and says what is
//! missing when none has.

use crate::crashed::{CRASHED, Crash, How, sources};
use bytes::Bytes;
use rekindle_backup::store::conformance::{Image, partition_of};
use rekindle_recovery::{ApplyError, ReplayConfig, ReplayFailure, ReplayTask};
use rekindle_types::{KeyRange, PartitionIndex, SegmentId, ServerId};
use std::{collections::BTreeMap, future::ready};

/// Segments 1 to 20 and head 21, each on two backups.
fn crash(seed: u64) -> (Crash, ReplayTask) {
    let crash = Crash::new(seed);
    for segment in 1..=20 {
        crash.hold(&image(segment), &[3 + segment % 6, 3 + (segment + 1) % 6], false);
    }
    let others: Vec<u64> = (1..=20).collect();
    crash.hold(&Image::head(CRASHED, 21, &others), &[3, 4], true);
    let task = ReplayTask {
        index: PartitionIndex(0),
        partition: partition_of(1, KeyRange::FULL, 0),
        segments: sources(&crash.discover()),
        config: ReplayConfig::default(),
    };
    (crash, task)
}

fn image(segment: u64) -> Image {
    Image::side(CRASHED, segment).object(1, &format!("key-{segment}"), "value", segment)
}

/// What was applied, and the outcome.
type Pulled = (BTreeMap<u64, Vec<u8>>, Result<(), ReplayFailure>);

fn pull(crash: &Crash, task: &ReplayTask) -> Pulled {
    let mut applied = BTreeMap::new();
    let apply = |segment: SegmentId, bytes: Bytes| {
        assert!(applied.insert(segment.0, bytes.to_vec()).is_none(), "{segment} twice");
        ready(Ok(()))
    };
    let outcome = crash.world.block_on(task.pull(crash, &crash.env, apply));
    (applied, outcome)
}

fn is_whole(applied: &BTreeMap<u64, Vec<u8>>) -> bool {
    applied.len() == 21 && (1..=20).all(|segment| applied[&segment] == image(segment).entries())
}

#[test]
fn every_segment_is_applied_once_whatever_backups_do() {
    for seed in 0..20 {
        let (crash, task) = crash(seed);
        crash.wire(3).set(How::Fails(4));
        crash.wire(5).set(How::Mute);
        crash.damage(6, 9, 40);
        let (applied, outcome) = pull(&crash, &task);
        outcome.unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
        assert!(is_whole(&applied), "seed {seed}");
    }
}

#[test]
fn loads_are_bounded() {
    let (crash, mut task) = crash(1);
    task.config.loads_per_backup_max = 1;
    assert!(is_whole(&pull(&crash, &task).0));
    assert!((3..=8).all(|server| crash.wire(server).loads.lock().2 == 1));
}

#[test]
fn a_segment_without_a_good_replica_is_reported_with_every_reason() {
    let (crash, task) = crash(2);
    crash.damage(3 + 9 % 6, 9, 40);
    crash.damage(3 + 10 % 6, 9, 35);
    let (_, outcome) = pull(&crash, &task);
    let Err(ReplayFailure::Lost(lost)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(lost.segment, SegmentId(9));
    assert_eq!(lost.reasons.iter().map(|(s, _)| *s).collect::<Vec<_>>(), [ServerId(6), ServerId(7)]);
    assert!(lost.to_string().contains("damaged"), "{lost}");
}

#[test]
fn all_replicas_unreachable_ends_and_a_backup_that_returns_helps() {
    let (crash, task) = crash(3);
    crash.wire(6).set(How::Fails(u32::MAX));
    crash.wire(7).set(How::Fails(u32::MAX));
    let (_, outcome) = pull(&crash, &task);
    assert!(matches!(outcome, Err(ReplayFailure::Lost(_))), "{outcome:?}");
    crash.wire(7).set(How::Works);
    let (applied, outcome) = pull(&crash, &task);
    assert_eq!((outcome, is_whole(&applied)), (Ok(()), true));
}

#[test]
fn entries_that_the_store_finds_damaged_come_from_another_replica() {
    let (crash, task) = crash(4);
    let (mut refused, mut applied) = (0, Vec::new());
    let apply = |segment: SegmentId, _: Bytes| {
        if segment == SegmentId(7) && refused == 0 {
            refused += 1;
            return ready(Err(ApplyError::Damaged("crc".into())));
        }
        applied.push(segment);
        ready(Ok(()))
    };
    crash.world.block_on(task.pull(&crash, &crash.env, apply)).unwrap();
    assert_eq!(applied.iter().filter(|s| **s == SegmentId(7)).count(), 1);
}

#[test]
fn a_full_store_ends_it() {
    let (crash, task) = crash(5);
    let apply = |_: SegmentId, _: Bytes| ready(Err(ApplyError::Refused("full".into())));
    let outcome = crash.world.block_on(task.pull(&crash, &crash.env, apply));
    assert_eq!(outcome, Err(ReplayFailure::Refused("full".into())));
}

#[test]
fn a_replica_other_than_listed_is_not_used() {
    let (crash, mut task) = crash(6);
    let first = &mut task.segments[4].replicas[0];
    first.checksum ^= 1;
    let (applied, outcome) = pull(&crash, &task);
    assert_eq!((outcome, is_whole(&applied)), (Ok(()), true));
    task.segments[4].replicas.truncate(1);
    assert!(matches!(pull(&crash, &task).1, Err(ReplayFailure::Lost(_))));
}
