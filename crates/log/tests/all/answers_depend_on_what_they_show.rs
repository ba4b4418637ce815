//! Rule V3. A value, an absence, a refusal, a page of a scan: none may go out before the entries that it shows
//! are durable, for a crash could take them back.

use crate::rig::poll;
use crate::stores::{StoreRig, TABLE};
use rekindle_log::SegmentSource;
use rekindle_log::store::{Answer, Condition};
use rekindle_types::KeyRange;
use std::task::Poll;

/// Whether the answer could go out now.
fn is_out<T>(store: &StoreRig, answer: Answer<T>) -> bool {
    let mut wait = Box::pin(answer.durable(&store.rig.log));
    matches!(poll(&mut wait), Poll::Ready(Ok(_)))
}

#[test]
fn everything_that_shows_a_write_waits_for_it() {
    let mut store = StoreRig::opened();
    let put = store.store.put(TABLE, b"k", b"v", Condition::Always).unwrap();
    store.rig.step();
    for _ in 0..2 {
        let is_durable = store.rig.log.durable() >= put.after();
        let s = &store.store;
        assert_eq!(is_out(&store, put.clone()), is_durable);
        assert_eq!(is_out(&store, s.get(TABLE, b"k").unwrap()), is_durable);
        assert_eq!(is_out(&store, s.put(TABLE, b"k", b"", Condition::IfAbsent).unwrap()), is_durable);
        assert_eq!(is_out(&store, s.scan(TABLE, KeyRange::FULL, 1_000)), is_durable);
        assert!(is_out(&store, s.get(TABLE, b"another").unwrap()), "what never was needs no wait");
        store.rig.answer_all();
    }
}

#[test]
fn everything_that_shows_an_absence_waits_for_the_tombstone() {
    let mut store = StoreRig::opened();
    let put = store.store.put(TABLE, b"k", b"v", Condition::Always).unwrap();
    store.rig.step();
    store.rig.answer("append 1");
    assert!(is_out(&store, put));
    let deleted = store.store.delete(TABLE, b"k", Condition::Always).unwrap();
    store.rig.step();
    for is_durable in [false, true] {
        let s = &store.store;
        assert_eq!(is_out(&store, deleted.clone()), is_durable);
        assert_eq!(is_out(&store, s.get(TABLE, b"k").unwrap()), is_durable);
        assert_eq!(is_out(&store, s.delete(TABLE, b"k", Condition::Always).unwrap()), is_durable);
        assert_eq!(is_out(&store, s.put(TABLE, b"k", b"", Condition::IfPresent).unwrap()), is_durable);
        assert_eq!(is_out(&store, s.scan(TABLE, KeyRange::FULL, 1_000)), is_durable);
        store.rig.answer_all();
    }
}

#[test]
fn long_values_share_the_logs_memory_and_outlive_their_object() {
    let store = StoreRig::answering();
    let long = vec![1; 1_000];
    let _ = store.store.put(TABLE, b"long", &long, Condition::Always).unwrap();
    let (read, _) = store.store.get(TABLE, b"long").unwrap().into_parts();
    let value = read.unwrap().value;
    let (segment, _) = store.rig.log.pin(store.rig.log.end().segment).unwrap();
    assert!(segment.as_ptr_range().contains(&value.as_ptr()), "not copied");
    let _ = store.store.put(TABLE, b"short", b"short", Condition::Always).unwrap();
    let (read, _) = store.store.get(TABLE, b"short").unwrap().into_parts();
    assert!(!segment.as_ptr_range().contains(&read.unwrap().value.as_ptr()), "copied");
    drop((segment, store));
    assert_eq!(value, long);
}
