//! What is sent when: only what is new, one write per replica at a time, a few calls per backup.

use crate::rig::{NO_ROOM, OPEN_BYTES, Rig};
use rekindle_backup::Fill;
use rekindle_backup::replicator::{Action, Outcome};
use rekindle_log::SegmentKind;
use rekindle_types::SegmentId;

#[test]
fn each_sync_sends_only_new_bytes_and_the_same_again_sends_nothing() {
    let mut r = Rig::with_backups(3).opened();
    r.append(1, 5);
    let sent: Vec<_> = r.writes.iter().map(|w| (w.from, w.to, w.certificate.is_some(), w.open)).collect();
    assert_eq!(sent, [(OPEN_BYTES, OPEN_BYTES + 5, true, None); 2]);
    r.answer_all();
    assert_eq!(r.acknowledged(1), Some(OPEN_BYTES + 5));
    r.told.clear();
    r.append(1, 0);
    assert!(r.writes.is_empty());
    assert_eq!(r.acknowledged(1), Some(OPEN_BYTES + 5), "answered at once");
}

#[test]
fn appends_wait_for_the_one_in_flight_and_travel_together() {
    let mut r = Rig::with_backups(2).opened();
    r.append(1, 5).append(1, 6).append(1, 7);
    assert_eq!(r.writes.len(), 2, "one per replica");
    r.answer_now(1);
    let sent: Vec<_> = r.writes.iter().map(|w| (w.from, w.to)).collect();
    assert_eq!(sent, [(OPEN_BYTES + 5, OPEN_BYTES + 18); 2]);
}

#[test]
fn chunks_acknowledge_nothing_before_the_certificate() {
    let mut r = Rig::with(2, |config| config.chunk_bytes = 4).opened();
    r.append(1, 10).answer_now(1).answer_now(1);
    assert_eq!(r.acknowledged(1), None, "8 of 10 bytes are there, none of them valid");
    r.answer_now(1);
    assert_eq!(r.acknowledged(1), Some(OPEN_BYTES + 10));
}

#[test]
fn an_append_is_acknowledged_by_all_or_not_at_all() {
    let mut r = Rig::with_backups(2).opened();
    r.append(1, 5);
    r.answer(r.writes[0], Outcome::Ok);
    assert_eq!(r.acknowledged(1), None);
    r.answer(r.writes[0], Outcome::Ok);
    assert_eq!(r.acknowledged(1), Some(OPEN_BYTES + 5));
}

#[test]
fn a_rejected_open_goes_elsewhere_and_hurts_nobody() {
    let mut r = Rig::with_backups(3).opened();
    r.open(2, Some(1));
    let rejected = r.writes_of(2)[0];
    r.answer(rejected, NO_ROOM);
    let servers = r.servers_of(2);
    assert!(servers.len() == 2 && !servers.contains(&rejected.server));
    assert_eq!(r.writes_of(2)[1].primary, rejected.primary, "its part is taken over");
    r.close(1).answer_all();
    assert_eq!((r.stats().hurt, r.stats().rejected), (0, 1));
    assert!(r.was_told(&Action::SwitchComplete { closed: SegmentId(1) }));
}

#[test]
fn a_backup_has_a_few_calls_in_flight_and_the_rest_follow() {
    let mut r = Rig::with(2, |config| config.calls_per_backup_max = 3).opened();
    for side in 2..8 {
        r.open_as(side, None, SegmentKind::Side);
    }
    assert_eq!(r.writes.len(), 6, "three to each of the two");
    assert_eq!(r.stats().calls, 6);
    r.answer_all();
    assert!((2..8).all(|side| r.was_told(&Action::Opened(SegmentId(side)))));
}

#[test]
fn many_frees_are_queued() {
    let mut r = Rig::with(2, |config| config.calls_per_backup_max = 3).opened();
    for side in 2..8 {
        r.open_as(side, None, SegmentKind::Side).close(side).answer_all();
    }
    for side in 2..8 {
        r.free(side);
    }
    assert_eq!(r.frees.len(), 2, "one to each of the two: the other calls are for writes");
    r.answer_all();
    assert!((2..8).all(|side| r.was_told(&Action::Freed(SegmentId(side)))));
    assert_eq!(r.stats().segments, 1);
}

#[test]
fn a_free_waits_for_the_write_in_flight() {
    let mut r = Rig::with_backups(2).opened();
    r.open_as(2, None, SegmentKind::Side).answer_all();
    r.append(2, 5).free(2);
    assert!(r.frees.is_empty());
    r.answer_now(2);
    assert_eq!(r.frees.len(), 2);
    r.answer_all();
    assert!(r.was_told(&Action::Freed(SegmentId(2))));
}

#[test]
fn a_free_to_a_dead_server_is_done() {
    let mut r = Rig::with_backups(2).opened();
    r.open_as(2, None, SegmentKind::Side).close(2).answer_all().free(2);
    let (dead, other) = (r.frees[0].server, r.frees[1].server);
    r.lose(dead);
    assert!(r.frees.iter().all(|free| free.server == other));
    r.answer_all();
    assert!(r.was_told(&Action::Freed(SegmentId(2))));
}

#[test]
fn a_lost_open_side_segment_is_sent_again_elsewhere() {
    let mut r = Rig::with_backups(3).opened();
    r.open_as(2, None, SegmentKind::Side);
    let lost = r.servers_of(2)[0];
    r.answer_all().append(2, 5).answer_all().lose(lost);
    let again = r.writes_of(2);
    assert_eq!((again.len(), again[0].open, again[0].to), (1, Some(Fill::Side), OPEN_BYTES));
    r.answer_all().close(2).answer_all();
    assert!(r.was_told(&Action::SideClosed(SegmentId(2))));
}
