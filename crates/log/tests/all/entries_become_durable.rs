//! H5 and group commit: an entry is durable when the sink has answered for it, and waiters share calls.

use crate::rig::{Rig, now, poll};
use rekindle_log::{LogError, SinkError};
use rekindle_types::SegmentId;

#[test]
fn nothing_is_durable_before_its_answer() {
    let mut rig = Rig::opened();
    let end = rig.put("a", b"1").end;
    assert!(rig.log.durable() < end);
    let log = rig.log.clone();
    let mut sync = Box::pin(log.sync(end));
    assert!(poll(&mut sync).is_pending());
    rig.answer("append 1");
    assert_eq!(rig.log.durable(), end);
    assert_eq!(now(sync), Ok(()));
}

#[test]
fn what_comes_during_a_flush_travels_in_the_next_one() {
    let mut rig = Rig::opened();
    rig.put("a", b"1");
    let ends = [rig.put("b", b"2").end, rig.put("c", b"3").end];
    assert_eq!(rig.sink.pending(), ["append 1"]);
    rig.answer("append 1");
    assert_eq!(rig.sink.pending(), ["append 1"], "one call for both");
    rig.answer("append 1");
    assert_eq!(rig.log.durable(), ends[1]);
    assert_eq!(rig.sink.keys(SegmentId(1)), [b"a", b"b", b"c"]);
}

#[test]
fn sync_of_what_is_durable_makes_no_call() {
    let mut rig = Rig::opened();
    let end = rig.put("a", b"1").end;
    rig.answer("append 1");
    let calls = rig.sink.calls().len();
    assert_eq!(now(rig.log.sync(end)), Ok(()));
    rig.step();
    assert_eq!(rig.sink.calls().len(), calls);
}

#[test]
fn an_entry_in_a_closed_head_is_durable_at_once() {
    let mut rig = Rig::answering();
    let end = rig.put("a", b"1").end;
    rig.roll();
    rig.put("b", b"2");
    assert_eq!(now(rig.log.sync(end)), Ok(()));
    assert!(rig.sink.is_closed(SegmentId(1)));
}

#[test]
fn a_dropped_waiter_cancels_nothing() {
    let mut rig = Rig::opened();
    let end = rig.put("a", b"1").end;
    let log = rig.log.clone();
    let mut sync = Box::pin(log.sync(end));
    assert!(poll(&mut sync).is_pending());
    drop(sync);
    rig.answer("append 1");
    assert_eq!(rig.log.durable(), end);
}

#[test]
fn a_failed_sink_poisons_the_log() {
    let mut rig = Rig::opened();
    let durable = rig.put("a", b"1").end;
    rig.answer("append 1");
    let end = rig.put("b", b"2").end;
    let log = rig.log.clone();
    let mut waits = [Box::pin(log.sync(end)), Box::pin(log.sync(end))];
    assert!(waits.iter_mut().all(|wait| poll(wait).is_pending()));
    let error = SinkError::Fenced("declared dead".into());
    rig.answer_with("append 1", Err(error.clone()));
    assert_eq!(rig.ended, Some(error.clone()));
    for wait in waits {
        assert_eq!(now(wait), Err(LogError::Sink(error.clone())));
    }
    let refused = rig.log.append(&[crate::rig::object(b"c", 9, b"3")]);
    assert_eq!(refused, Err(LogError::Sink(error)));
    assert_eq!(now(rig.log.sync(durable)), Ok(()), "what was durable stays so");
}

#[test]
fn a_stopped_runner_closes_the_log() {
    let mut rig = Rig::opened();
    let end = rig.put("a", b"1").end;
    rig.stop();
    assert_eq!(now(rig.log.sync(end)), Err(LogError::Sink(SinkError::Closed)));
    assert!(rig.log.append(&[]).is_err());
}
