//! H1, H2, H4, LOG-3: heads are opened in order, at most two wait, nothing is sent for a head before the switch to it
//! is complete, and exactly one digest is current.

use crate::rig::{Called, Rig, config, object, poll};
use rekindle_log::{LogConfig, LogError, SegmentSource};
use rekindle_types::{Position, Rules, SegmentId};
use std::collections::BTreeSet;
use std::task::Poll;

#[test]
fn the_open_comes_before_the_close_and_both_before_data() {
    let mut rig = Rig::opened();
    rig.put("a", b"1");
    rig.put("b", b"2");
    rig.roll();
    assert_eq!(rig.sink.pending(), ["append 1", "open 2", "append 1", "close 1"], "the rest, then the close");
    let end = rig.put("c", b"3").end;
    assert_eq!(rig.sink.pending().len(), 4, "no data for a head before its switch (H4)");
    for name in ["append 1", "append 1", "open 2"] {
        rig.answer(name);
    }
    assert_eq!(rig.log.current_head(), Some(SegmentId(1)));
    rig.answer("close 1");
    assert_eq!(rig.log.current_head(), Some(SegmentId(2)));
    assert!(rig.log.durable() < end);
    rig.answer("append 2");
    assert_eq!(rig.log.durable(), end);
}

#[test]
fn two_heads_wait_and_no_more() {
    let mut rig = Rig::opened();
    rig.roll();
    rig.roll();
    rig.roll();
    assert_eq!(rig.sink.pending(), ["open 2", "close 1", "open 3"]);
    let refused = rig.log.append(&[object(b"a", 1, b"")]);
    assert_eq!(refused, Err(LogError::Busy { waiting: 2 }), "the head is hurt and H1 forbids the next");
    rig.answer("open 2");
    rig.answer("close 1");
    let opened = |rig: &Rig| rig.sink.calls().iter().any(|c| c.name() == "open 4");
    assert!(opened(&rig), "the wanted roll is made as soon as H1 allows");
}

#[test]
fn a_roll_for_a_former_head_changes_nothing() {
    let mut rig = Rig::answering();
    rig.roll();
    rig.log.roll(SegmentId(1));
    rig.step();
    assert_eq!(rig.log.current_head(), Some(SegmentId(2)));
}

#[test]
fn an_emergency_head_is_made_without_memory_and_is_in_no_later_digest() {
    let mut rig = Rig::answering();
    let side = rig.log.side_log();
    let value = vec![0; 8 << 10];
    while side.append(&object(b"k", 1, &value)).is_ok() {}
    let mut commit = Box::pin(side.commit());
    assert!(poll(&mut commit).is_pending());
    rig.step();
    assert!(poll(&mut commit).is_ready());
    rig.roll();
    assert_eq!(rig.log.stats().segments, config().segments_max, "no memory is left");
    rig.roll();
    let emergency = rig.log.current_head().unwrap();
    let entries = |rig: &Rig| {
        let (bytes, cert) = rig.log.pin(emergency).unwrap();
        let reader = rekindle_log::segment::SegmentReader::verified(&bytes, cert).unwrap();
        reader.entries().map(|e| e.unwrap().entry_type.number()).collect::<Vec<_>>()
    };
    assert_eq!(entries(&rig), [3, 4], "digest and safe version only (H7)");
    let refused = rig.log.append(&[object(b"k", 1, b"")]);
    assert!(matches!(refused, Err(LogError::Full { .. })), "nothing is appended to it");
    assert!(rig.log.free(SegmentId(2)) && rig.log.free(SegmentId(3)) && rig.log.free(SegmentId(4)));
    rig.roll();
    let next = rig.log.current_head().unwrap();
    let digest = rig.sink.digest(next).unwrap();
    assert!(!digest.contains(&emergency) && !digest.contains(&SegmentId(2)));
    assert!(!rig.sink.is_kept(emergency) && !rig.sink.is_kept(SegmentId(2)));
    rig.log.append(&[object(b"k", 1, b"")]).expect("memory is back");
}

#[test]
fn a_take_waits_for_a_head_above_its_position() {
    let mut rig = Rig::opened();
    let position = rig.log.skip_id();
    assert_eq!(position, SegmentId(2));
    let log = rig.log.clone();
    let mut switched = Box::pin(log.switched_above(position));
    assert!(poll(&mut switched).is_pending());
    rig.step();
    assert_eq!(rig.sink.pending(), ["open 3", "close 1"], "id 2 is never used");
    rig.answer("open 3");
    assert!(poll(&mut switched).is_pending());
    rig.answer("close 1");
    assert_eq!(poll(&mut switched), Poll::Ready(Ok(SegmentId(3))));
    let mut again = Box::pin(log.switched_above(position));
    assert_eq!(poll(&mut again), Poll::Ready(Ok(SegmentId(3))), "no second switch");
}

/// What must hold at every instant, whatever the sink answers in which order.
fn check(rig: &Rig, answered: &BTreeSet<String>, ends: &[(Position, &str)]) {
    let current = rig.log.current_head();
    let is = |name: &str| answered.contains(name);
    // LOG-3: a digest is current only when all switches up to it are complete.
    for head in 2..=current.map_or(0, |head| head.0) {
        assert!(is(&format!("open {head}")) && is(&format!("close {}", head - 1)), "{answered:?}");
    }
    if let Some(current) = current {
        for segment in rig.sink.digest(current).unwrap() {
            assert!(rig.sink.is_kept(segment), "{segment} is in the current digest");
        }
    }
    // H1 and H4, by the calls made: opens in order, data only for what was current by then.
    let opens: Vec<_> =
        rig.sink.calls().iter().filter(|c| matches!(c, Called::Open { .. })).map(Called::segment).collect();
    assert!(opens.is_sorted());
    for called in rig.sink.calls() {
        let is_data = matches!(called, Called::Append { .. } | Called::Close { .. });
        assert!(!is_data || Some(called.segment()) <= current, "{called:?} before its switch");
    }
    // H5: what is durable was sent.
    for (end, key) in ends {
        if *end <= rig.log.durable() {
            assert!(rig.sink.keys(end.segment).contains(&key.as_bytes().to_vec()), "{key} is nowhere");
        }
    }
}

/// Plays one order of answers: `choices` picks among the pending calls. Returns the number of pending calls at
/// each step.
fn play(choices: &[usize]) -> Vec<usize> {
    const KEYS: [&str; 3] = ["a", "b", "c"];
    let mut rig = Rig::new(config());
    let mut ends = Vec::new();
    for key in KEYS {
        ends.push((rig.put(key, b"1").end, key));
        if key != "c" {
            rig.roll();
        }
    }
    let (mut answered, mut widths) = (BTreeSet::new(), Vec::new());
    loop {
        let pending = rig.sink.pending().len();
        if pending == 0 {
            break;
        }
        let choice = choices.get(widths.len()).copied().unwrap_or(0);
        widths.push(pending);
        answered.insert(rig.sink.answer_nth(choice, Ok(())).name());
        rig.step();
        check(&rig, &answered, &ends);
    }
    assert_eq!(rig.log.durable(), ends[2].0, "everything is durable in the end");
    widths
}

#[test]
fn every_order_of_answers_keeps_one_current_digest() {
    let (mut choices, mut plays) = (Vec::new(), 0);
    loop {
        let widths = play(&choices);
        plays += 1;
        // The next order: the last choice that can still grow.
        choices.resize(widths.len(), 0);
        let Some(at) = (0..widths.len()).rev().find(|at| choices[*at] + 1 < widths[*at]) else { break };
        choices[at] += 1;
        choices.truncate(at + 1);
    }
    assert!(plays > 100, "{plays} orders");
}

/// Frees a segment that the current digest names, rolls, and lets everything be answered but the close of the
/// former head. What a recovery finds then.
fn free_during_a_switch(rules: Rules) -> std::thread::Result<[BTreeSet<Vec<u8>>; 2]> {
    let mut rig = Rig::new(LogConfig { rules, ..config() });
    rig.answer("open 1");
    rig.put("a", b"1");
    rig.roll();
    for name in ["append 1", "open 2", "close 1"] {
        rig.answer(name);
    }
    assert!(rig.log.free(SegmentId(1)));
    rig.roll();
    rig.answer("open 3");
    while let Some(name) = rig.sink.pending().into_iter().find(|name| name != "close 2") {
        rig.answer(&name);
    }
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| rig.sink.recovered()))
}

#[test]
fn frees_wait_for_the_complete_switch() {
    let found = free_during_a_switch(Rules::default()).expect("a head, and all that its digest names");
    assert!(found[1].contains(&b"a"[..]), "the close may not have reached anyone: the old digest counts");
}

#[cfg(feature = "mutations")]
#[test]
fn without_h4_a_digest_names_what_was_freed() {
    assert!(free_during_a_switch(Rules::without(rekindle_types::Rule::H4)).is_err());
}
