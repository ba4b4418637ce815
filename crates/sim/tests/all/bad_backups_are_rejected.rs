//! Backups that came again with what they should not have, and a good one beside each.

use rekindle_sim::check::{
    Acknowledged, HandedOut, Listed, LoadAnswer, NotKept, Returned, Spoilt, check_kept, check_load,
};
use rekindle_types::{CreationNumber, LogId, ReplicaId, SegmentId, ServerId};

fn id(segment: u64, creation: u64) -> ReplicaId {
    ReplicaId { log: LogId::of(ServerId(1)), segment: SegmentId(segment), creation: CreationNumber(creation) }
}

fn acknowledged(segment: u64, length: u32, is_closed: bool) -> Acknowledged {
    Acknowledged { replica: id(segment, 5), length, is_closed }
}

fn listed(replica: ReplicaId, length: u32, is_closed: bool) -> Listed {
    Listed { replica, length, is_closed, is_whole: true }
}

/// A closed replica and an open one, both kept.
fn good() -> Returned {
    Returned {
        acknowledged: vec![acknowledged(1, 900, true), acknowledged(2, 300, false)],
        listed: vec![listed(id(1, 5), 900, true), listed(id(2, 5), 300, false)],
        ..Returned::default()
    }
}

#[test]
fn a_backup_that_has_all_or_more_is_right() {
    check_kept(&good()).unwrap();
    let mut more = good();
    more.listed[1] = listed(id(2, 5), 350, true);
    more.listed.push(listed(id(3, 1), 10, false));
    check_kept(&more).unwrap();
    let mut made_again = good();
    made_again.listed[1] = listed(id(2, 6), 10, true);
    check_kept(&made_again).unwrap();
}

#[test]
fn what_is_gone_or_less_is_found() {
    let open = acknowledged(2, 300, false);
    let lost = |instead: Option<Listed>, of| {
        let mut returned = good();
        returned.listed.retain(|one| one.replica.segment != of);
        returned.listed.extend(instead);
        check_kept(&returned).unwrap_err()
    };
    assert_eq!(lost(None, SegmentId(2)), NotKept::Lost(open, None));
    let shorter = Some(listed(id(2, 5), 299, false));
    assert_eq!(lost(shorter, SegmentId(2)), NotKept::Lost(open, shorter));
    let older = Some(listed(id(2, 4), 900, true));
    assert_eq!(lost(older, SegmentId(2)), NotKept::Lost(open, older));
    let opened = Some(listed(id(1, 5), 900, false));
    assert_eq!(lost(opened, SegmentId(1)), NotKept::Lost(acknowledged(1, 900, true), opened));
}

#[test]
fn what_a_fault_has_spoilt_is_reported_where_that_can_be_told() {
    let spoilt = |how, is_reported: bool| {
        let mut returned = good();
        returned.listed[1].length = 100;
        returned.spoilt.insert(id(2, 5), how);
        if is_reported {
            returned.listed.pop();
            returned.damaged.insert(id(2, 5));
        }
        check_kept(&returned)
    };
    spoilt(Spoilt::Provably, true).unwrap();
    spoilt(Spoilt::Unnoticeably, true).unwrap();
    spoilt(Spoilt::Unnoticeably, false).unwrap();
    let shorter = Some(listed(id(2, 5), 100, false));
    assert_eq!(spoilt(Spoilt::Provably, false), Err(NotKept::Lost(acknowledged(2, 300, false), shorter)));
}

#[test]
fn a_false_alarm_is_found() {
    let mut returned = good();
    returned.damaged.insert(id(3, 1));
    assert_eq!(check_kept(&returned), Err(NotKept::FalseAlarm(id(3, 1))));
    returned.spoilt.insert(id(3, 1), Spoilt::Unnoticeably);
    check_kept(&returned).unwrap();
    // What was acknowledged is no excuse for a report, nor a report for what is lost.
    let mut returned = good();
    returned.listed.pop();
    returned.damaged.insert(id(2, 5));
    assert_eq!(check_kept(&returned), Err(NotKept::Lost(acknowledged(2, 300, false), None)));
}

#[test]
fn what_is_listed_and_not_there_is_found() {
    let mut returned = good();
    returned.listed.push(Listed { is_whole: false, ..listed(id(7, 1), 50, true) });
    assert_eq!(check_kept(&returned), Err(NotKept::Hollow(id(7, 1))));
    returned.spoilt.insert(id(7, 1), Spoilt::Unnoticeably);
    check_kept(&returned).unwrap();
}

#[test]
fn bytes_of_a_damaged_replica_are_found() {
    let answer = |is_whole| LoadAnswer { replica: id(1, 5), is_whole };
    check_load(&answer(true)).unwrap();
    assert_eq!(check_load(&answer(false)), Err(HandedOut(answer(false))));
}
