//! H6: which segment is the head, and which of its replicas is read.

use crate::lists::{LOG, backup, certificate, closed, closed_head, head, long};
use rekindle_backup::ReplicaState;
use rekindle_recovery::{Contradiction, Incomplete, discover};
use rekindle_types::{CreationNumber, SegmentId, ServerId};

fn chosen(lists: &[crate::lists::Inventory], floor: u64) -> u64 {
    discover(LOG, lists, SegmentId(floor)).unwrap().head.0
}

#[test]
fn of_two_open_heads_the_lower_one_is_the_head() {
    let lists = [backup(2, [head(5, &[]), head(6, &[5])]), backup(3, [head(6, &[5])])];
    assert_eq!(chosen(&lists, 0), 5);
}

#[test]
fn open_heads_below_the_floor_are_no_heads() {
    // "floor 10: closed replicas are kept always; open heads 2 and 9 are dropped; 10 and 11 are kept, 10 is the head"
    let lists =
        [backup(2, [head(2, &[]), head(9, &[]), closed(4)]), backup(3, [head(10, &[4]), head(11, &[4, 10])])];
    let map = discover(LOG, &lists, SegmentId(10)).unwrap();
    assert_eq!(map.head, SegmentId(10));
    assert_eq!(map.segments.iter().map(|s| s.segment.0).collect::<Vec<_>>(), [4, 10]);
}

#[test]
fn a_head_closed_wherever_it_is_still_held_gives_way_to_the_next_one() {
    // The switch from 5 to 6 was not complete: 5's other replica was lost open. 6 is open on all R (H2).
    let lists = [backup(2, [closed_head(5, &[]), head(6, &[5])]), backup(3, [head(6, &[5])])];
    assert_eq!(chosen(&lists, 0), 6);
}

#[test]
fn a_lost_replica_that_comes_back_below_the_floor_is_ignored() {
    // 5 was hurt: its replica on 4 was lost, then 6 was opened, 5 closed and re-created, the floor raised to 6.
    let lists = [
        backup(2, [closed_head(5, &[]), head(6, &[5])]),
        backup(3, [closed_head(5, &[]), head(6, &[5])]),
        backup(4, [long(500, head(5, &[]))]),
    ];
    let map = discover(LOG, &lists, SegmentId(6)).unwrap();
    assert_eq!(map.head, SegmentId(6));
    // Nor is it used as a replica of 5: open ones are usable of the head alone.
    assert!(map.segments[0].replicas.iter().all(|r| r.server != ServerId(4)));
}

#[test]
fn a_switch_in_progress_keeps_the_old_head_and_reads_its_closed_replica_first() {
    let lists = [backup(2, [head(5, &[]), head(6, &[5])]), backup(3, [closed_head(5, &[]), head(6, &[5])])];
    let map = discover(LOG, &lists, SegmentId(0)).unwrap();
    assert_eq!(map.head, SegmentId(5));
    let states: Vec<_> = map.segments[0].replicas.iter().map(|r| (r.server.0, r.state)).collect();
    assert_eq!(states, [(3, ReplicaState::Closed), (2, ReplicaState::Open)]);
}

#[test]
fn the_longest_certificate_of_the_head_comes_first() {
    let lists = [backup(2, [long(700, head(5, &[]))]), backup(3, [long(900, head(5, &[]))])];
    let map = discover(LOG, &lists, SegmentId(0)).unwrap();
    assert_eq!(map.segments[0].replicas[0].certificate, certificate(900));
    assert_eq!(map.bytes(), 900);
}

#[test]
fn open_replicas_of_side_segments_and_of_later_heads_are_not_used() {
    let mut side = closed(4);
    side.state = ReplicaState::Open;
    let lists = [backup(2, [side, head(5, &[4]), head(6, &[4, 5])])];
    let missing = discover(LOG, &lists, SegmentId(0)).unwrap_err();
    assert_eq!(missing, Incomplete::Missing { log: LOG, head: SegmentId(5), segments: vec![SegmentId(4)] });
}

#[test]
fn a_closed_head_above_the_chosen_one_stops_the_recovery() {
    let lists = [backup(2, [head(5, &[]), closed_head(6, &[5])])];
    let what = Contradiction::ClosedAboveHead { head: SegmentId(5), closed: SegmentId(6) };
    assert_eq!(discover(LOG, &lists, SegmentId(0)), Err(Incomplete::Contradiction { log: LOG, what }));
    // Closed side segments above the head are none: they carry no digest.
    assert_eq!(chosen(&[backup(2, [head(5, &[]), closed(6)])], 0), 5);
}

#[test]
fn an_open_segment_without_a_valid_digest_is_no_head() {
    let mut torn = head(4, &[]);
    torn.digest = None;
    assert_eq!(chosen(&[backup(2, [torn, head(5, &[])])], 0), 5);
}

#[test]
fn replicas_that_contradict_each_other_stop_the_recovery() {
    let digests = [backup(2, [head(5, &[4]), closed(4)]), backup(3, [head(5, &[])])];
    let what = Contradiction::Digests(SegmentId(5));
    assert_eq!(discover(LOG, &digests, SegmentId(0)), Err(Incomplete::Contradiction { log: LOG, what }));

    let mut other = closed(4);
    other.certificate.checksum ^= 1;
    let checksums = [backup(2, [head(5, &[4]), closed(4)]), backup(3, [other])];
    let what = Contradiction::Certificates(SegmentId(4));
    assert_eq!(discover(LOG, &checksums, SegmentId(0)), Err(Incomplete::Contradiction { log: LOG, what }));

    let mut alien = head(5, &[]);
    alien.digest = Some(vec![]);
    let what = Contradiction::DigestWithoutSelf(SegmentId(5));
    let lists = [backup(2, [alien])];
    assert_eq!(discover(LOG, &lists, SegmentId(0)), Err(Incomplete::Contradiction { log: LOG, what }));
}

#[test]
fn other_logs_and_older_creations_do_not_disturb() {
    let mut other = head(2, &[]);
    other.replica.log.server = ServerId(9);
    let mut again = head(5, &[]);
    again.replica.creation = CreationNumber(77);
    let map = discover(LOG, &[backup(2, [other, head(5, &[])]), backup(3, [again])], SegmentId(0)).unwrap();
    assert_eq!(map.head, SegmentId(5));
    assert_eq!(map.segments[0].replicas.len(), 2);
}
