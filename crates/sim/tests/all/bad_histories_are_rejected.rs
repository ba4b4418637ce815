//! Histories made by hand, each broken in one way, and a good one beside it.

use bytes::Bytes;
use rekindle_env::Time;
use rekindle_sim::check::{NotLinearizable, check_acknowledged, check_linearizable};
use rekindle_sim::history::{Ask, Call, Moment, Recorder, Told, ValueId};
use rekindle_types::{Condition, Version};

fn at(order: u64) -> Moment {
    Moment { order, time: Time(order) }
}

fn call(from: u64, to: u64, ask: Ask, told: Told) -> Call {
    let key = Bytes::from_static(b"k");
    let to = (told != Told::Unknown).then(|| at(to));
    Call { client: 0, key, ask, told, from: at(from), to }
}

fn put_if(from: u64, to: u64, value: u64, condition: Condition, told: Told) -> Call {
    call(from, to, Ask::Put { value: ValueId(value), condition }, told)
}

fn put(from: u64, to: u64, value: u64, version: u64) -> Call {
    put_if(from, to, value, Condition::Always, Told::Wrote(Version(version)))
}

fn lost_put(from: u64, value: u64) -> Call {
    put_if(from, 0, value, Condition::Always, Told::Unknown)
}

fn delete(from: u64, to: u64, told: Told) -> Call {
    call(from, to, Ask::Delete { condition: Condition::Always }, told)
}

fn get(from: u64, to: u64, value: u64, version: u64) -> Call {
    call(from, to, Ask::Get, Told::Saw(Some((ValueId(value), Version(version)))))
}

fn get_none(from: u64, to: u64) -> Call {
    call(from, to, Ask::Get, Told::Saw(None))
}

fn is_good(calls: &[Call]) -> bool {
    match check_linearizable(calls) {
        Ok(()) => true,
        Err(NotLinearizable::NoOrder { .. }) => false,
        Err(undecided) => panic!("{undecided}"),
    }
}

fn tells_apart(good: &[Call], bad: &[Call]) {
    assert_eq!(check_linearizable(good), Ok(()));
    assert!(!is_good(bad), "{bad:?}");
}

#[test]
fn a_lost_write() {
    tells_apart(&[put(1, 2, 1, 1), get(3, 4, 1, 1)], &[put(1, 2, 1, 1), get_none(3, 4)]);
}

#[test]
fn a_stale_read() {
    let writes = [put(1, 2, 1, 1), put(3, 4, 2, 2)];
    tells_apart(&[&writes[..], &[get(5, 6, 2, 2)]].concat(), &[&writes[..], &[get(5, 6, 1, 1)]].concat());
}

#[test]
fn a_value_that_goes_and_comes_again() {
    let writes = [put(1, 2, 1, 1), put(3, 20, 2, 2)];
    let reads = |first: (u64, u64), second: (u64, u64)| {
        let reads = [get(4, 5, first.0, first.1), get(6, 7, second.0, second.1)];
        [&writes[..], &reads[..]].concat()
    };
    tells_apart(&reads((1, 1), (2, 2)), &reads((2, 2), (1, 1)));
}

#[test]
fn a_deleted_object_that_returns() {
    let removed = delete(3, 4, Told::Removed(Some(Version(1))));
    tells_apart(
        &[put(1, 2, 1, 1), removed.clone(), get_none(5, 6)],
        &[put(1, 2, 1, 1), removed, get(5, 6, 1, 1)],
    );
}

#[test]
fn a_delete_that_removed_what_was_not_there() {
    tells_apart(&[delete(1, 2, Told::Removed(None))], &[delete(1, 2, Told::Removed(Some(Version(1))))]);
}

#[test]
fn a_value_that_nobody_has_written_yet() {
    tells_apart(&[get(1, 4, 1, 1), put(2, 3, 1, 1)], &[get(1, 2, 1, 1), put(3, 4, 1, 1)]);
}

#[test]
fn another_version_than_promised() {
    tells_apart(&[put(1, 2, 1, 7), get(3, 4, 1, 7)], &[put(1, 2, 1, 7), get(3, 4, 1, 8)]);
}

#[test]
fn a_version_that_goes_back() {
    tells_apart(&[put(1, 2, 1, 7), put(3, 4, 2, 9)], &[put(1, 2, 1, 7), put(3, 4, 2, 6)]);
}

#[test]
fn a_version_given_again_after_a_delete() {
    let removed = delete(3, 4, Told::Removed(Some(Version(7))));
    tells_apart(
        &[put(1, 2, 1, 7), removed.clone(), put(5, 6, 2, 8)],
        &[put(1, 2, 1, 7), removed, put(5, 6, 2, 7)],
    );
}

#[test]
fn two_clients_that_both_created_the_object() {
    let create = |value, version| put_if(1, 10, value, Condition::IfAbsent, Told::Wrote(Version(version)));
    let refused = put_if(1, 10, 2, Condition::IfAbsent, Told::Refused(Some(Version(1))));
    tells_apart(&[create(1, 1), refused], &[create(1, 1), create(2, 2)]);
}

#[test]
fn two_clients_that_both_replaced_one_version() {
    let swap = |value, version| {
        put_if(3, 10, value, Condition::IfVersion(Version(1)), Told::Wrote(Version(version)))
    };
    let refused = put_if(3, 10, 3, Condition::IfVersion(Version(1)), Told::Refused(Some(Version(2))));
    tells_apart(&[put(1, 2, 1, 1), swap(2, 2), refused], &[put(1, 2, 1, 1), swap(2, 2), swap(3, 3)]);
}

#[test]
fn a_refusal_although_the_condition_held() {
    let refused = |present| put_if(3, 4, 2, Condition::IfAbsent, Told::Refused(present));
    tells_apart(&[put(1, 2, 1, 1), refused(Some(Version(1)))], &[put(1, 2, 1, 1), refused(None)]);
}

#[test]
fn a_write_of_unknown_outcome_that_happens_twice() {
    let before = [put(1, 2, 1, 1), lost_put(3, 2), get(4, 5, 2, 2), put(6, 7, 3, 3)];
    tells_apart(&before, &[&before[..], &[get(8, 9, 2, 4)]].concat());
}

#[test]
fn a_write_of_unknown_outcome_without_room_for_its_version() {
    let story = |last| [put(1, 2, 1, 5), lost_put(3, 2), get_none(9, 10), put(11, 12, 3, last)];
    let removed = delete(6, 8, Told::Removed(Some(Version(6))));
    let with = |last| [&story(last)[..], std::slice::from_ref(&removed)].concat();
    tells_apart(&with(7), &with(6));
}

#[test]
fn no_version_comes_after_the_highest() {
    let on_the_highest = put_if(3, 2, 3, Condition::IfVersion(Version(u64::MAX)), Told::Unknown);
    tells_apart(
        &[lost_put(1, 2), on_the_highest.clone(), get(5, 6, 2, 1)],
        &[lost_put(1, 2), on_the_highest, get(5, 6, 3, 1)],
    );
}

#[test]
fn an_unknown_write_may_happen_much_later_or_never() {
    let late = [put(1, 2, 1, 1), lost_put(3, 2), put(4, 5, 3, 2), get(6, 7, 3, 2), get(8, 9, 2, 3)];
    let never = [put(1, 2, 1, 1), lost_put(3, 2), put(4, 5, 3, 2), get(6, 7, 3, 2)];
    assert!(is_good(&late) && is_good(&never));
}

#[test]
fn many_writes_of_unknown_outcome_are_decided() {
    // As while a log waits for its floor: puts that nobody sees, and one delete that found the last of them.
    let mut calls: Vec<Call> = (1..60).map(|n| lost_put(2 * n, n)).collect();
    calls.insert(30, get_none(61, 62));
    let with_end = |version| {
        let end = [delete(200, 201, Told::Removed(Some(Version(version)))), put(202, 203, 99, 60)];
        [&calls[..], &end[..]].concat()
    };
    tells_apart(&with_end(59), &with_end(60));
}

#[test]
fn what_is_surely_not_done_leaves_no_trace() {
    let not_done = put_if(3, 4, 2, Condition::Always, Told::NotDone);
    tells_apart(
        &[put(1, 2, 1, 1), not_done.clone(), get(5, 6, 1, 1)],
        &[put(1, 2, 1, 1), not_done, get(5, 6, 2, 2)],
    );
}

#[test]
fn the_account_names_what_can_not_come_next() {
    let account = check_linearizable(&[put(1, 2, 1, 1), get(3, 4, 1, 1), get_none(5, 6)]).unwrap_err();
    let NotLinearizable::NoOrder { done, of, next, .. } = account else { panic!("{account}") };
    assert_eq!((done, of, next.len()), (2, 3, 1));
    assert!(next[0].contains("Saw(None)"), "{next:?}");
}

#[test]
fn acknowledged_writes_that_are_gone_in_the_end() {
    let found = |value, version| Some((ValueId(value), Version(version)));
    let writes = [put(1, 2, 1, 1), put(3, 4, 2, 2)];
    assert!(check_acknowledged(&writes, found(2, 2)).is_ok());
    for lost in [found(1, 1), found(1, 2), None] {
        assert!(check_acknowledged(&writes, lost).is_err(), "{lost:?}");
    }
    // A later write that nobody was told of explains a higher version; a delete explains an absence.
    let later = [&writes[..], &[lost_put(5, 3)]].concat();
    assert!(check_acknowledged(&later, found(3, 3)).is_ok());
    let removed = [&writes[..], &[delete(5, 6, Told::Removed(Some(Version(2))))]].concat();
    assert!(check_acknowledged(&removed, None).is_ok());
    let removed_before = [&[delete(1, 2, Told::Removed(Some(Version(1))))][..], &[put(3, 4, 2, 2)]].concat();
    assert!(check_acknowledged(&removed_before, None).is_err());
}

#[test]
fn a_listing_that_shows_what_never_was_there_at_once() {
    let recorder = Recorder::default();
    let key = Bytes::from_static(b"k");
    let listed = |seen: Option<(u64, u64)>| {
        let began = recorder.moment(Time(1));
        move |recorder: &Recorder| {
            let seen = seen.map(|(value, version)| (ValueId(value), Version(version)));
            recorder.saw(Time(2), 1, &Bytes::from_static(b"k"), began, seen);
        }
    };
    let write = |value, version| {
        let ask = Ask::Put { value: ValueId(value), condition: Condition::Always };
        let ticket = recorder.begin(Time(1), 0, &key, ask);
        recorder.end(Time(1), ticket, Told::Wrote(Version(version)));
    };
    let (too_early, early) = (listed(None), listed(Some((1, 1))));
    write(1, 1);
    let missed = listed(None);
    let there = listed(Some((1, 1)));
    write(2, 2);
    let stale = listed(Some((1, 1)));
    for good in [too_early, early, there] {
        good(&recorder);
        assert!(
            is_good(&recorder.by_key()[&key]),
            "a listing shows each key as it was at some instant of it"
        );
    }
    let good = recorder.by_key()[&key].clone();
    for bad in [missed, stale] {
        bad(&recorder);
        let with: Vec<Call> = recorder.by_key()[&key].clone();
        let newest = with.iter().filter(|call| !good.contains(call)).last().cloned();
        assert!(!is_good(&[&good[..], &[newest.unwrap()]].concat()));
    }
}
