//! Rules H1 to H4: open(s), open(s+1), close(s), write(s+1), whatever comes first.

use crate::rig::{OPEN_BYTES, Rig};
use rekindle_backup::replicator::{Action, FloorOutcome, Outcome, Refusal};
use rekindle_types::SegmentId;
use std::time::Duration;

#[test]
fn the_first_head_serves_only_when_it_is_recorded() {
    let mut r = Rig::with_backups(3);
    r.open(1, None).answer_all();
    assert_eq!(r.told, [Action::StoreFloor(SegmentId(1))]);
    r.floor(1, FloorOutcome::Unknown).pass(Duration::from_millis(20));
    assert_eq!(r.told.len(), 2, "asked again");
    r.floor(1, FloorOutcome::Stored);
    assert!(r.was_told(&Action::Opened(SegmentId(1))));
}

#[test]
fn close_waits_for_the_open_on_all() {
    let mut r = Rig::with_backups(3).opened();
    r.open(2, Some(1)).close(1);
    assert!(r.writes_of(1).is_empty());
    r.answer(r.writes_of(2)[0], Outcome::Ok);
    assert!(r.writes_of(1).is_empty(), "open on one of two");
    r.answer_now(2);
    assert!(r.writes_of(1).iter().all(|w| w.close));
    assert_eq!(r.writes_of(1).len(), 2);
}

#[test]
fn the_second_open_waits_for_the_first() {
    let mut r = Rig::with_backups(3).opened();
    r.open(2, Some(1)).open(3, Some(2));
    assert!(r.writes_of(3).is_empty());
    r.answer_now(2);
    assert_eq!(r.writes_of(3).len(), 2);
}

#[test]
fn the_next_head_gets_no_data_before_the_switch_is_complete() {
    let mut r = Rig::with_backups(3).opened();
    r.open(2, Some(1)).append(2, 5).close(1).answer_now(2);
    assert!(r.writes_of(2).is_empty());
    r.answer_now(1);
    assert!(r.was_told(&Action::SwitchComplete { closed: SegmentId(1) }));
    assert_eq!(r.writes_of(2).len(), 2);
}

#[test]
fn a_hurt_head_acknowledges_by_the_switch_that_ends_it_alone() {
    let mut r = Rig::with_backups(4).opened();
    r.append(1, 5);
    let (lost, other) = (r.writes[0], r.writes[1]);
    r.answer(other, Outcome::Ok).lose(lost.server);
    assert!(r.was_told(&Action::Roll(SegmentId(1))));
    r.append(1, 6).answer_all();
    assert_eq!(r.acknowledged(1), None);
    r.open(2, Some(1)).close(1).answer_all();
    assert_eq!(r.acknowledged(1), None, "H3: not before the floor");
    assert!(r.was_told(&Action::StoreFloor(SegmentId(2))));
    r.floor(2, FloorOutcome::Stored);
    assert_eq!(r.acknowledged(1), Some(OPEN_BYTES + 11));
    assert!(r.was_told(&Action::SwitchComplete { closed: SegmentId(1) }));
}

#[test]
fn heads_can_be_looked_at_while_they_are_switched() {
    let mut r = Rig::with_backups(4).opened();
    let (opened, appended) = (OPEN_BYTES, OPEN_BYTES + 5);
    r.append(1, 5);
    let first = r.writes[0];
    r.answer(first, Outcome::Ok);
    assert_eq!(r.heads(), [(1, true, false, opened)], "on one of two");
    r.answer_all();
    assert_eq!(r.heads(), [(1, true, false, appended)]);
    r.append(1, 5);
    let (lost, other) = (r.writes[0], r.writes[1]);
    r.answer(other, Outcome::Ok).lose(lost.server);
    assert_eq!(r.heads(), [(1, true, false, appended)], "H5: as it was hurt");
    r.open(2, Some(1)).close(1);
    let first = r.writes_of(2)[0];
    r.answer(first, Outcome::Ok);
    assert_eq!(r.heads(), [(1, true, false, appended), (2, false, false, opened)]);
    r.answer_now(2);
    assert_eq!(r.heads(), [(1, true, true, appended), (2, true, false, opened)]);
    let closing = r.writes_of(1)[0].server;
    r.lose(closing);
    assert!(r.heads()[1].1, "the next head was open on all");
    r.answer_all().floor(2, FloorOutcome::Stored).answer_all();
    assert_eq!(r.heads(), [(2, true, false, opened)]);
}

#[test]
fn what_was_closed_was_on_all_wherever_it_is_now() {
    let mut r = Rig::with_backups(3).opened();
    r.append(1, 5).answer_all();
    r.open(2, Some(1)).close(1).answer_now(2);
    let (first, second) = (r.writes_of(1)[0], r.writes_of(1)[1]);
    r.answer(first, Outcome::Ok).lose(first.server);
    r.answer(second, Outcome::Ok).lose(second.server);
    let copies = r.servers_of(1);
    for server in copies {
        r.lose(server);
    }
    assert_eq!((r.heads()[0].0, r.heads()[0].3), (1, OPEN_BYTES + 5), "{:?}", r.heads());
}

#[test]
fn an_open_that_may_come_back_hurts_the_next_head_from_birth() {
    // A store that failed while it had the open may show it when it starts again.
    for outcome in [Outcome::Unknown, Outcome::Refused(Refusal::Poisoned)] {
        let mut r = Rig::with_backups(4).opened();
        r.open(2, Some(1)).close(1).append(2, 5);
        let unknown = r.writes_of(2)[0];
        r.answer(unknown, outcome);
        assert!(r.was_told(&Action::Roll(SegmentId(2))));
        assert!(!r.servers_of(2).contains(&unknown.server), "replaced elsewhere, by an open one");
        r.answer_all();
        assert!(r.was_told(&Action::SwitchComplete { closed: SegmentId(1) }), "the replacement counts");
        assert!(r.writes_of(2).is_empty(), "H2: nothing more is appended to it");
        r.open(3, Some(2)).close(2).answer_now(3);
        assert!(
            r.writes_of(2).iter().all(|w| w.close && w.to == OPEN_BYTES + 5),
            "it is sent with the close"
        );
        r.answer_all().floor(3, FloorOutcome::Stored);
        assert_eq!(r.acknowledged(2), Some(OPEN_BYTES + 5));
    }
}

#[test]
fn a_floor_of_unknown_outcome_is_repeated_until_answered() {
    let mut r = Rig::with_backups(4).opened();
    r.append(1, 5);
    let lost = r.writes[0].server;
    r.lose(lost).open(2, Some(1)).close(1).answer_all();
    for _ in 0..3 {
        let asked = |r: &Rig| r.told.iter().filter(|a| **a == Action::StoreFloor(SegmentId(2))).count();
        let before = asked(&r);
        r.floor(2, FloorOutcome::Unknown).pass(Duration::from_millis(40));
        assert_eq!(asked(&r), before + 1);
    }
    r.floor(2, FloorOutcome::Stored);
    assert!(r.was_told(&Action::SwitchComplete { closed: SegmentId(1) }));
}

#[test]
fn a_refused_floor_stops_everything() {
    let mut r = Rig::with_backups(3);
    r.open(1, None).answer_all().floor(1, FloorOutcome::Fenced);
    assert_eq!(r.told.last(), Some(&Action::Stop));
    r.told.clear();
    r.open(2, Some(1)).answer_all();
    assert!(r.told.is_empty() && r.writes.is_empty());
}

#[test]
fn a_fenced_master_verifies_its_membership_and_loses_nothing() {
    let mut r = Rig::with_backups(3).opened();
    r.append(1, 5);
    let write = r.writes[0];
    r.answer(write, Outcome::Refused(Refusal::Fenced));
    assert_eq!(r.told, [Action::VerifyMembership]);
    r.pass(Duration::from_millis(40));
    assert!(r.writes.iter().any(|w| w.server == write.server), "repeated until the list decides");
    assert_eq!(r.stats().lost, 0);
}
