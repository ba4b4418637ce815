//! Rules P1 to P3 on the master's side: what counts as lost, and what takes its place.

use crate::rig::{NO_ROOM, OPEN_BYTES, Rig};
use rekindle_backup::Fill;
use rekindle_backup::replicator::{Action, Outcome, Refusal};
use rekindle_log::SegmentKind;
use rekindle_types::{SegmentId, ServerId};
use std::collections::BTreeMap;
use std::time::Duration;

/// A closed segment 1 with 100 bytes more than its open, a head 2; and the servers of 1.
fn closed(mut r: Rig) -> (Rig, Vec<ServerId>) {
    r.append(1, 100);
    let servers = r.servers_of(1);
    r.answer_all().switched(1, 2).told.clear();
    (r, servers)
}

#[test]
fn a_lost_closed_replica_is_re_created_in_one_piece() {
    let (mut r, servers) = closed(Rig::with(4, |config| config.chunk_bytes = 60).opened());
    r.lose(servers[0]);
    let first = r.writes_of(1);
    assert_eq!(first.len(), 1, "the other replica is left alone");
    assert_eq!((first[0].open, first[0].certificate, first[0].close), (Some(Fill::Atomic), None, false));
    assert!(!servers.contains(&first[0].server));
    r.answer_now(1);
    let last = r.writes_of(1)[0];
    assert_eq!((last.open, last.to, last.close), (None, OPEN_BYTES + 100, true));
    assert!(last.certificate.is_some(), "certificate and close travel together");
    r.answer_now(1);
    assert_eq!(r.stats().recreated, 1);
    assert!(r.told.contains(&Action::Unpin(last.replica)));
}

#[test]
fn a_copy_whose_bytes_are_gone_blames_no_backup() {
    // Two are left for two replicas: whoever is avoided is missed.
    let (mut r, servers) = closed(Rig::with_backups(3).opened());
    let head = r.servers_of(2);
    let lost =
        *servers.iter().find(|server| !head.contains(server)).expect("three backups, two replicas each");
    r.lose(lost);
    let copy = r.writes_of(1)[0];
    r.answer(copy, Outcome::Refused(Refusal::NoBytes));
    r.open(3, Some(2)).close(2);
    assert_eq!(r.servers_of(3).len(), 2, "the next head is opened on both");
    r.free(1).answer_all();
    assert!(r.writes_of(1).is_empty() && r.stats().lost == 1, "what is freed is not tried again");
}

#[test]
fn losing_a_closed_replica_rolls_nothing() {
    let (mut r, servers) = closed(Rig::with_backups(6).opened());
    let head = r.append(2, 5).servers_of(2);
    r.answer_all();
    let lost = servers.iter().find(|server| !head.contains(server)).expect("six backups, two replicas");
    r.lose(*lost).answer_all();
    assert_eq!((r.stats().hurt, r.stats().recreated), (0, 1));
    assert!(!r.told.iter().any(|action| matches!(action, Action::Roll(_))));
}

#[test]
fn a_hurt_head_gets_its_copy_before_other_segments_get_theirs() {
    // With three backups and two replicas some server holds one of both, wherever they are.
    let (mut r, servers) = closed(Rig::with_backups(3).opened());
    let head = r.append(2, 5).servers_of(2);
    let both = *servers.iter().find(|server| head.contains(server)).expect("two of three, twice");
    r.answer_all().lose(both);
    assert!(r.writes_of(1).is_empty() && r.stats().hurt == 1);
    r.open(3, Some(2)).close(2);
    while r.stats().recreated == 0 {
        assert!(r.writes_of(1).is_empty(), "callers wait for the head, nobody for this one");
        let next = r.writes[0];
        r.answer(next, Outcome::Ok);
    }
    assert_eq!(r.writes_of(1).len(), 1);
}

#[test]
fn with_one_backup_left_every_segment_gets_its_copy_there() {
    let mut r = Rig::with(3, |config| config.recreations_max = 1).opened();
    let last = 12;
    for head in 2..=last {
        r.switched(head - 1, head);
    }
    r.lose(ServerId(1)).lose(ServerId(2));
    assert_eq!(r.stats().hurt, 1, "the head can't be closed, for none can be opened behind it");
    r.open(last + 1, Some(last)).close(last).answer_all();
    let (restored, unsettled) = (r.stats().recreated, r.stats().unsettled);
    // Those that were on the dead servers alone; the others have one on the third already.
    assert!(restored >= 2, "{restored}");
    r.answer_all().pass(Duration::from_millis(100));
    assert_eq!((r.stats().recreated, r.stats().unsettled), (restored, unsettled), "no more can be done");
    r.gain(ServerId(9)).answer_all();
    r.step_floor(last + 1).answer_all();
    let closed = last as usize;
    assert_eq!(r.stats().unsettled, 1, "only the head has yet to be closed");
    assert!(r.stats().recreated as usize >= closed, "each of {closed} gets its second replica");
}

#[test]
fn a_rejected_re_creation_goes_elsewhere_and_stays_in_one_piece() {
    let (mut r, servers) = closed(Rig::with_backups(5).opened());
    r.lose(servers[0]);
    let rejected = r.writes_of(1)[0];
    r.answer(rejected, NO_ROOM);
    let again = r.writes_of(1)[0];
    assert!(again.server != rejected.server && !servers.contains(&again.server));
    assert_eq!((again.open, again.is_copy, again.close), (Some(Fill::Atomic), true, true));
    assert_eq!(again.primary, rejected.primary);
    r.answer_all();
    assert_eq!((r.stats().recreated, r.stats().rejected, r.stats().unsettled), (1, 1, 1));
}

#[test]
fn a_rejected_replacement_of_an_open_replica_leaves_the_head_hurt() {
    let mut r = Rig::with_backups(5).opened();
    r.open(2, Some(1));
    let lost = r.writes_of(2)[0];
    r.answer(lost, Outcome::Unknown);
    let replacement = *r.writes_of(2).iter().max_by_key(|w| w.replica.creation).unwrap();
    assert_ne!(replacement.replica, lost.replica);
    r.answer(replacement, NO_ROOM).close(1).answer_all();
    assert!(r.was_told(&Action::SwitchComplete { closed: SegmentId(1) }), "it is open on all in the end");
    r.append(2, 5).answer_all();
    assert_eq!(r.acknowledged(2), None, "H5: hurt from birth all the same");
    r.open(3, Some(2)).close(2).answer_all();
    assert_eq!(r.acknowledged(2), None, "H3: not before the floor");
    r.step_floor(3);
    assert_eq!(r.acknowledged(2), Some(OPEN_BYTES + 5));
}

#[test]
fn the_death_of_a_server_that_holds_nothing_changes_nothing() {
    let mut r = Rig::with_backups(4).opened();
    let holders = r.append(1, 5).servers_of(1);
    r.answer_all().told.clear();
    let other = (1..=4).map(ServerId).find(|server| !holders.contains(server)).unwrap();
    r.lose(other);
    assert!(r.told.is_empty() && r.writes.is_empty() && r.stats().lost == 0);
    r.lose(ServerId(77));
    assert!(r.told.is_empty());
}

#[test]
fn no_answer_within_the_timeout_loses_the_replica_and_frees_it_later() {
    let mut r = Rig::with_backups(4).opened();
    r.append(1, 5);
    let silent = r.writes[0];
    r.answer(r.writes[1], Outcome::Ok);
    r.pass(Duration::from_millis(1_980));
    assert_eq!(r.stats().lost, 0);
    r.pass(Duration::from_millis(20));
    assert_eq!(r.stats().lost, 1);
    assert!(r.was_told(&Action::Roll(SegmentId(1))));
    r.open(2, Some(1)).close(1);
    assert!(!r.servers_of(2).contains(&silent.server), "avoided for a while");
    r.answer_all();
    assert!(r.frees.is_empty(), "it holds what was acknowledged: not before the switch");
    r.step_floor(2);
    assert_eq!(r.frees.len(), 1);
    assert_eq!((r.frees[0].replica, r.frees[0].server), (silent.replica, silent.server));
    assert!(r.frees[0].session > silent.session, "P3: the silence ended the session");
}

#[test]
fn time_in_which_the_master_did_not_run_does_not_count() {
    let mut r = Rig::with_backups(4).opened();
    r.append(1, 5).stall(Duration::from_secs(60));
    assert_eq!(r.stats().lost, 0);
    r.answer_all();
    assert_eq!(r.acknowledged(1), Some(OPEN_BYTES + 5));
}

#[test]
fn an_append_of_unknown_outcome_is_repeated_in_a_new_session() {
    let mut r = Rig::with_backups(3).opened();
    r.append(1, 5);
    let unknown = r.writes[0];
    r.answer(unknown, Outcome::Unknown).pass(Duration::from_millis(20));
    let again = *r.writes.iter().find(|w| w.server == unknown.server).unwrap();
    assert_eq!((again.replica, again.from, again.to), (unknown.replica, unknown.from, unknown.to));
    assert_eq!(again.session, unknown.session.next());
    r.answer(unknown, Outcome::Ok);
    assert_eq!(r.acknowledged(1), None, "the late answer of the ended session is ignored");
    r.answer_all();
    assert_eq!((r.acknowledged(1), r.stats().lost), (Some(OPEN_BYTES + 5), 0));
}

#[test]
fn a_damaged_or_poisoned_store_loses_the_replica_at_once() {
    for refusal in [Refusal::Lost, Refusal::Poisoned] {
        let mut r = Rig::with_backups(4).opened();
        r.append(1, 5);
        r.answer(r.writes[0], Outcome::Refused(refusal));
        assert!(r.was_told(&Action::Roll(SegmentId(1))));
        assert_eq!(r.stats().hurt, 1);
    }
}

#[test]
fn a_lost_replica_may_come_back_to_its_backup_under_a_higher_number() {
    let (mut r, servers) = closed(Rig::with_backups(2).opened());
    assert_eq!(servers.len(), 2);
    r.append(2, 1);
    let silent = r.writes[0];
    r.answer(r.writes[1], Outcome::Ok).pass(Duration::from_secs(2));
    r.open(3, Some(2)).close(2);
    assert_eq!(r.servers_of(3).len(), 1, "there is no other backup");
    r.answer_all().pass(Duration::from_secs(2));
    r.answer_all();
    let again = r.told.iter().any(|a| matches!(a, Action::StoreFloor(SegmentId(3))));
    assert!(again, "both segments are whole again on the two");
    r.step_floor(3);
    assert!(r.frees.is_empty(), "the higher creation has replaced {}", silent.replica);
}

#[test]
fn restoring_is_paced() {
    let mut r = Rig::with(5, |config| {
        config.replicas = 3;
        config.recreations_max = 1;
    })
    .opened();
    for head in 2..6 {
        r.switched(head - 1, head);
    }
    let lost = r.append(5, 1).servers_of(5)[0];
    r.answer_all().told.clear();
    r.lose(lost);
    let restored: Vec<_> = r.writes.iter().map(|w| w.replica.segment.0).filter(|id| *id < 5).collect();
    assert!(restored.len() <= 1, "one at a time: {restored:?}");
    r.answer_all();
    r.open(6, Some(5)).close(5).answer_all();
    r.step_floor(6);
    r.answer_all();
    assert_eq!(r.stats().unsettled, 1, "all but the head are back at R");
}

#[test]
fn what_has_fewest_copies_is_restored_first() {
    let mut r = Rig::with(9, |config| {
        config.replicas = 3;
        config.recreations_max = 1;
    })
    .opened();
    let mut servers = BTreeMap::new();
    for side in 10..40 {
        r.open_as(side, None, SegmentKind::Side);
        servers.insert(side, r.servers_of(side));
        r.answer_all().close(side).answer_all();
    }
    let head = r.append(1, 1).servers_of(1);
    r.answer_all();
    let mut lost = (1..=9).map(ServerId).filter(|server| !head.contains(server)).take(2);
    let lost = [lost.next().unwrap(), lost.next().unwrap()];
    for server in lost {
        r.lose(server);
    }
    let copies = |side: &u64| servers[side].iter().filter(|server| !lost.contains(server)).count();
    let mut restored = Vec::new();
    while let Some(next) = r.writes.first() {
        let side = next.replica.segment.0;
        assert!(r.writes.iter().all(|write| write.replica.segment.0 == side), "one at a time");
        restored.extend((restored.last() != Some(&side)).then_some(side));
        r.answer_now(side);
    }
    assert_eq!(r.stats().unsettled, 1, "all but the head are back at R");
    // The first one was begun before the second server was lost.
    let copies: Vec<_> = restored[1..].iter().map(copies).collect();
    assert!(copies.is_sorted() && copies.contains(&1) && copies.contains(&2), "{copies:?}");
}

/// Side segments 10 to 39, closed and then freed, with no answer to any free.
fn freed_in_vain(r: &mut Rig) {
    for side in 10..40 {
        r.open_as(side, None, SegmentKind::Side).close(side).answer_all();
    }
    for side in 10..40 {
        r.free(side);
    }
}

#[test]
fn frees_without_answers_keep_no_lost_replica_from_being_restored() {
    let (mut r, servers) = closed(Rig::with_backups(4).opened());
    freed_in_vain(&mut r);
    r.lose(servers[0]);
    assert_eq!(r.writes_of(1).len(), 1, "it is re-created");
}

#[test]
fn frees_without_answers_leave_calls_to_others() {
    let mut r = Rig::with_backups(2).opened();
    freed_in_vain(&mut r);
    r.open_as(50, None, SegmentKind::Side);
    assert_eq!(r.writes_of(50).len(), 2, "each backup is asked");
}
