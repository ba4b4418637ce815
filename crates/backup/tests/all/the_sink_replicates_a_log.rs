//! The runner as a whole: calls of the log take effect when made, resolve when true, and survive what backups
//! and the coordinator do meanwhile.

use crate::running::{How, Running};
use futures_util::FutureExt;
use rekindle_backup::ReplicaState::{Closed, Open};
use rekindle_log::{SegmentKind, SegmentSink, SinkError};
use rekindle_types::SegmentId;

#[test]
fn a_log_opens_fills_and_switches() {
    let r = Running::new(4, 3);
    r.world.block_on(r.open(1, None)).unwrap();
    assert_eq!(
        *r.memory.floor.lock(),
        Some(SegmentId(1)),
        "the first head is recorded before it serves (T7)"
    );
    r.world.block_on(r.append(1, &[7; 100])).unwrap();
    // Made in this order, polled in another.
    let open = r.open(2, Some(1));
    let close = r.close(1);
    let append = r.append(2, &[8; 50]);
    r.world.block_on(append).unwrap();
    r.world.block_on(close).unwrap();
    r.world.block_on(open).unwrap();
    assert_eq!(r.sink.stats().current, Some(SegmentId(2)));
    let first: Vec<_> = r.replicas(1).into_iter().map(|(_, length, state)| (length, state)).collect();
    assert_eq!(first, [(142, Closed); 3]);
    let second: Vec<_> = r.replicas(2).into_iter().map(|(_, length, state)| (length, state)).collect();
    assert_eq!(second, [(92, Open); 3]);
}

#[test]
fn large_appends_travel_in_chunks_and_only_the_last_has_the_certificate() {
    let r = Running::new(2, 2);
    r.world.block_on(r.open(1, None)).unwrap();
    r.world.block_on(r.append(1, &vec![1; 5 << 19])).unwrap();
    let writes = r.wire(2).writes.lock().clone();
    let sizes: Vec<_> = writes.iter().map(|w| (w.bytes.len(), w.certificate.is_some())).collect();
    assert_eq!(sizes, [(40, true), (1 << 20, false), (1 << 20, false), ((1 << 19) + 4, true)]);
}

#[test]
fn a_dead_backup_hurts_the_head_and_a_roll_heals_it() {
    let r = Running::new(4, 2);
    r.world.block_on(r.open(1, None)).unwrap();
    r.world.block_on(r.append(1, b"before")).unwrap();
    let victim = (2..6).find(|id| !r.wire(*id).writes.lock().is_empty()).unwrap();
    r.wire(victim).set(How::Unreachable);
    r.declare_dead(&[victim]);
    let after = r.append(1, b"after");
    r.world.run_for(std::time::Duration::from_secs(1));
    assert_eq!(*r.memory.rolls.lock(), [SegmentId(1)]);
    let open = r.open(2, Some(1));
    *r.memory.floor_fails.lock() = 2;
    r.world.block_on(r.close(1)).unwrap();
    r.world.block_on(after).unwrap();
    r.world.block_on(open).unwrap();
    assert_eq!(*r.memory.floor.lock(), Some(SegmentId(2)), "H3: the floor is at the new head");
    let lengths: Vec<_> = r.replicas(1).into_iter().map(|(_, length, state)| (length, state)).collect();
    assert_eq!(lengths, [(55, Closed); 2], "the lost one was re-created closed");
}

#[test]
fn a_copy_of_a_segment_that_memory_has_no_more_keeps_no_head_waiting() {
    let r = Running::new(3, 2);
    r.world.block_on(r.open(1, None)).unwrap();
    let (open, close) = (r.open(2, Some(1)), r.close(1));
    r.world.block_on(close).unwrap();
    r.world.block_on(open).unwrap();
    let holds = |server: &u64, segment| {
        r.wire(*server).writes.lock().iter().any(|write| write.replica.segment == SegmentId(segment))
    };
    let victim = (2..5).find(|server| holds(server, 1) && !holds(server, 2)).unwrap();
    // Cleaned: it will be freed, but that has not been said yet.
    r.memory.segments.lock().remove(&SegmentId(1));
    r.declare_dead(&[victim]);
    r.world.run_for(std::time::Duration::from_millis(100));
    let open = r.open(3, Some(2));
    r.world.run_for(std::time::Duration::from_millis(500));
    assert!(open.now_or_never().is_some(), "the two that are left take it, at once");
}

#[test]
fn a_mute_backup_loses_its_replicas_after_the_timeout_and_frees_them_later() {
    let r = Running::new(4, 2);
    r.world.block_on(r.open(1, None)).unwrap();
    let victim = (2..6).find(|id| !r.wire(*id).writes.lock().is_empty()).unwrap();
    r.wire(victim).set(How::Mute);
    let after = r.append(1, b"after");
    r.world.run_for(std::time::Duration::from_millis(1_900));
    assert!(r.memory.rolls.lock().is_empty(), "not before replica_timeout");
    r.world.run_for(std::time::Duration::from_millis(300));
    assert_eq!(*r.memory.rolls.lock(), [SegmentId(1)]);
    let (open, close) = (r.open(2, Some(1)), r.close(1));
    r.world.block_on(close).unwrap();
    r.world.block_on(after).unwrap();
    r.world.block_on(open).unwrap();
    r.wire(victim).set(How::Works);
    r.world.run_for(std::time::Duration::from_secs(5));
    assert_eq!(r.sink.stats().unsettled, 1, "the head alone");
    assert!(r.replicas(1).iter().all(|(server, ..)| *server != victim), "what was lost there is dropped");
}

#[test]
fn too_few_backups_show_and_writes_resume_when_one_joins() {
    let r = Running::new(2, 2);
    r.declare_dead(&[3]);
    let open = r.open(1, None);
    r.world.run_for(std::time::Duration::from_secs(10));
    let too_few = r.sink.stats().too_few.unwrap();
    assert_eq!((too_few.have, too_few.need), (1, 2));
    r.declare_dead(&[]);
    r.world.block_on(open).unwrap();
    assert_eq!(r.sink.stats().too_few, None);
}

#[test]
fn a_removed_master_fails_everything_with_fenced() {
    let r = Running::new(3, 2);
    r.world.block_on(r.open(1, None)).unwrap();
    r.wire(2).set(How::Unreachable);
    r.wire(3).set(How::Unreachable);
    r.wire(4).set(How::Unreachable);
    let append = r.append(1, b"late");
    r.declare_dead(&[1]);
    assert!(matches!(r.world.block_on(append), Err(SinkError::Fenced(_))));
    assert!(matches!(r.world.block_on(r.append(1, b"later")), Err(SinkError::Fenced(_))));
}

#[test]
fn a_refused_floor_is_final() {
    let r = Running::new(3, 2);
    *r.memory.is_dead.lock() = true;
    assert!(matches!(r.world.block_on(r.open(1, None)), Err(SinkError::Fenced(_))));
}

#[test]
fn a_fenced_answer_asks_for_membership() {
    let r = Running::new(2, 2);
    r.world.block_on(r.open(1, None)).unwrap();
    assert_eq!(r.replicas(1).len(), 2, "the inventories fence the log (F1)");
    let append = r.append(1, b"late");
    r.world.run_for(std::time::Duration::from_millis(500));
    assert!(*r.memory.verified.lock() > 0);
    drop(append);
}

#[test]
fn without_replicas_everything_is_durable_at_once() {
    let r = Running::new(0, 0);
    r.world.block_on(r.open(1, None)).unwrap();
    r.world.block_on(r.append(1, b"data")).unwrap();
    let (open, close) = (r.open(2, Some(1)), r.close(1));
    r.world.block_on(open).unwrap();
    r.world.block_on(close).unwrap();
    r.world.block_on(r.sink.free(SegmentId(1))).unwrap();
}

#[test]
fn side_segments_close_and_freed_segments_leave_no_replica() {
    let r = Running::new(3, 2);
    r.world.block_on(r.open(1, None)).unwrap();
    let (_, bytes, cert) = r.fill(2, b"side");
    r.world.block_on(r.sink.open(SegmentId(2), None, SegmentKind::Side, bytes, cert)).unwrap();
    r.world.block_on(r.append(2, b"entries")).unwrap();
    r.world.block_on(r.close(2)).unwrap();
    r.world.block_on(r.sink.free(SegmentId(2))).unwrap();
    assert!(r.replicas(2).is_empty());
}
