use super::*;

fn put(oracle: &mut Oracle, version: u64) -> Number {
    let writing = oracle.begin_put(0, Condition::Always);
    let number = writing.number;
    oracle.put(writing, Version(version)).expect("the test keeps the promises");
    number
}

fn delete(oracle: &mut Oracle, removed: Option<u64>) {
    let writing = oracle.begin_delete(0, Condition::Always);
    oracle.deleted(writing, removed.map(Version)).expect("the test keeps the promises");
}

fn unknown_put(oracle: &mut Oracle, condition: Condition) -> Number {
    let writing = oracle.begin_put(0, condition);
    let number = writing.number;
    oracle.unknown(writing);
    number
}

fn unknown_delete(oracle: &mut Oracle) {
    let writing = oracle.begin_delete(0, Condition::Always);
    oracle.unknown(writing);
}

fn read(oracle: &mut Oracle, seen: Seen) -> Result<(), Breach> {
    let reading = oracle.begin_read(0);
    oracle.read(reading, seen)
}

fn value(number: Number, version: u64) -> Seen {
    Seen::Value(number, Version(version))
}

#[test]
fn a_lost_write_is_noticed() {
    let mut oracle = Oracle::new(1);
    let (one, two) = (put(&mut oracle, 1), put(&mut oracle, 2));
    assert!(read(&mut oracle, Seen::Absent).unwrap_err().is_lost);
    assert!(!read(&mut oracle, value(one, 1)).unwrap_err().is_lost, "a stale read");
    assert!(read(&mut oracle, value(two, 3)).is_err(), "a wrong version");
    assert!(read(&mut oracle, value(one, 2)).is_err(), "a wrong value");
    assert!(read(&mut oracle, value(two + 1, 3)).is_err(), "a value that nobody wrote");
    assert_eq!(read(&mut oracle, value(two, 2)), Ok(()));
}

#[test]
fn a_resurrected_delete_is_noticed() {
    let mut oracle = Oracle::new(1);
    let one = put(&mut oracle, 1);
    delete(&mut oracle, Some(1));
    assert!(!read(&mut oracle, value(one, 1)).unwrap_err().is_lost);
    assert_eq!(read(&mut oracle, Seen::Absent), Ok(()));
}

#[test]
fn a_repeated_version_is_noticed() {
    let mut oracle = Oracle::new(1);
    put(&mut oracle, 7);
    delete(&mut oracle, Some(7));
    let writing = oracle.begin_put(0, Condition::Always);
    assert!(oracle.put(writing, Version(7)).is_err());
}

#[test]
fn a_delete_shows_what_was_there() {
    let mut oracle = Oracle::new(1);
    put(&mut oracle, 1);
    put(&mut oracle, 2);
    let writing = oracle.begin_delete(0, Condition::Always);
    assert!(oracle.deleted(writing, Some(Version(1))).is_err());
    put(&mut oracle, 3);
    let writing = oracle.begin_delete(0, Condition::Always);
    assert!(oracle.deleted(writing, None).unwrap_err().is_lost);
    put(&mut oracle, 4);
    let writing = oracle.begin_delete(0, Condition::IfVersion(Version(3)));
    assert!(oracle.deleted(writing, Some(Version(4))).is_err(), "it was to remove another");
}

#[test]
fn an_unknown_write_happens_once_or_never() {
    let mut oracle = Oracle::new(1);
    let one = put(&mut oracle, 1);
    let maybe = unknown_put(&mut oracle, Condition::Always);
    assert!(oracle.is_unsure(0));
    assert_eq!(read(&mut oracle, value(one, 1)), Ok(()));
    assert_eq!(read(&mut oracle, value(maybe, 2)), Ok(()));
    assert!(!oracle.is_unsure(0));
    assert!(read(&mut oracle, value(one, 1)).is_err(), "it does not go away again");
    put(&mut oracle, 3);
    assert!(read(&mut oracle, value(maybe, 4)).is_err(), "it does not happen twice");
}

#[test]
fn an_unknown_write_gets_a_version_of_its_own() {
    let mut oracle = Oracle::new(1);
    put(&mut oracle, 1);
    let maybe = unknown_put(&mut oracle, Condition::Always);
    assert!(read(&mut oracle, value(maybe, 1)).is_err());
}

#[test]
fn an_unknown_write_may_land_late() {
    let mut oracle = Oracle::new(1);
    let maybe = unknown_put(&mut oracle, Condition::Always);
    let two = put(&mut oracle, 2);
    assert_eq!(read(&mut oracle, value(two, 2)), Ok(()));
    assert_eq!(read(&mut oracle, value(maybe, 3)), Ok(()));
    assert!(read(&mut oracle, value(two, 2)).is_err());
}

#[test]
fn an_unknown_write_that_was_overwritten_is_not_seen_again() {
    let mut oracle = Oracle::new(1);
    let maybe = unknown_put(&mut oracle, Condition::Always);
    put(&mut oracle, 2);
    assert!(read(&mut oracle, value(maybe, 1)).is_err(), "it came before what was acknowledged");
}

#[test]
fn a_read_settles_what_can_not_land_any_more() {
    let mut oracle = Oracle::new(1);
    let one = put(&mut oracle, 1);
    let maybe = unknown_put(&mut oracle, Condition::Always);
    oracle.close_unknown();
    assert!(oracle.is_unsure(0), "nobody has looked since");
    assert_eq!(read(&mut oracle, value(one, 1)), Ok(()));
    assert!(!oracle.is_unsure(0));
    assert!(read(&mut oracle, value(maybe, 2)).is_err());
}

#[test]
fn a_delete_that_can_not_land_any_more_explains_no_later_absence() {
    let mut oracle = Oracle::new(1);
    let one = put(&mut oracle, 1);
    unknown_delete(&mut oracle);
    let early = oracle.begin_read(0);
    oracle.close_unknown();
    assert_eq!(read(&mut oracle, value(one, 1)), Ok(()));
    oracle.unread(early);
    assert!(read(&mut oracle, Seen::Absent).unwrap_err().is_lost);

    let mut oracle = Oracle::new(1);
    put(&mut oracle, 1);
    unknown_delete(&mut oracle);
    oracle.close_unknown();
    assert_eq!(read(&mut oracle, Seen::Absent), Ok(()), "it has landed");
    assert!(oracle.open.is_empty());
    assert_eq!(read(&mut oracle, Seen::Absent), Ok(()));
}

#[test]
fn ticks_close_only_what_is_old() {
    let mut oracle = Oracle::new(1);
    let one = put(&mut oracle, 1);
    unknown_delete(&mut oracle);
    for _ in 0..2 {
        oracle.tick(3);
        assert_eq!(read(&mut oracle, value(one, 1)), Ok(()));
        assert!(oracle.is_unsure(0));
    }
    oracle.tick(3);
    assert_eq!(read(&mut oracle, value(one, 1)), Ok(()));
    assert!(!oracle.is_unsure(0));
}

#[test]
fn an_unknown_delete_happens_once_or_never() {
    let mut oracle = Oracle::new(1);
    let one = put(&mut oracle, 1);
    unknown_delete(&mut oracle);
    assert_eq!(read(&mut oracle, value(one, 1)), Ok(()));
    assert_eq!(read(&mut oracle, Seen::Absent), Ok(()));
    assert!(read(&mut oracle, value(one, 1)).is_err());
    put(&mut oracle, 2);
    assert!(read(&mut oracle, Seen::Absent).unwrap_err().is_lost, "one delete, two absences");
}

#[test]
fn what_waits_for_a_version_that_is_gone_can_not_happen() {
    let mut oracle = Oracle::new(1);
    put(&mut oracle, 1);
    let maybe = unknown_put(&mut oracle, Condition::IfVersion(Version(1)));
    put(&mut oracle, 3);
    assert!(!oracle.is_unsure(0));
    assert!(read(&mut oracle, value(maybe, 4)).is_err());
}

#[test]
fn conditions_are_checked() {
    let mut oracle = Oracle::new(1);
    let begin = |oracle: &mut Oracle, condition| oracle.begin_put(0, condition);
    let writing = begin(&mut oracle, Condition::IfAbsent);
    assert_eq!(oracle.put(writing, Version(1)), Ok(()));
    let writing = begin(&mut oracle, Condition::IfAbsent);
    assert!(oracle.put(writing, Version(2)).is_err(), "it was there");
    let writing = begin(&mut oracle, Condition::IfVersion(Version(2)));
    assert!(oracle.refused(writing, Some(Version(2))).is_err(), "it had that version");
    let writing = begin(&mut oracle, Condition::IfVersion(Version(9)));
    assert_eq!(oracle.refused(writing, Some(Version(2))), Ok(()));
    let writing = oracle.begin_delete(0, Condition::IfVersion(Version(9)));
    assert!(oracle.refused(writing, Some(Version(1))).is_err(), "a stale version");
    let writing = oracle.begin_delete(0, Condition::IfVersion(Version(9)));
    assert!(oracle.refused(writing, None).unwrap_err().is_lost);
    put(&mut oracle, 20);
    let writing = begin(&mut oracle, Condition::IfVersion(Version(2)));
    assert!(oracle.put(writing, Version(21)).is_err(), "it was replaced");
    delete(&mut oracle, Some(21));
    let writing = begin(&mut oracle, Condition::IfVersion(Version(21)));
    assert!(oracle.put(writing, Version(22)).is_err(), "it was deleted");
    delete(&mut oracle, Some(22));
    let reading = oracle.begin_read(0);
    let writing = begin(&mut oracle, Condition::IfPresent);
    assert!(oracle.put(writing, Version(23)).is_err(), "it is not there");
    oracle.unread(reading);
}

#[test]
fn of_two_writers_only_one_finds_nothing() {
    for versions in [[1, 2], [2, 1]] {
        let mut oracle = Oracle::new(1);
        let writings = [(); 2].map(|()| oracle.begin_put(0, Condition::IfAbsent));
        let [first, second] = writings;
        assert_eq!(oracle.put(first, Version(versions[0])), Ok(()));
        assert!(oracle.put(second, Version(versions[1])).unwrap_err().is_lost);
    }
    // Unless somebody deleted it between.
    for removed in [Some(1), Some(2), None] {
        let mut oracle = Oracle::new(1);
        let delete = oracle.begin_delete(0, Condition::Always);
        let [first, second] = [(); 2].map(|()| oracle.begin_put(0, Condition::IfAbsent));
        assert_eq!(oracle.put(first, Version(1)), Ok(()));
        assert_eq!(oracle.put(second, Version(2)), Ok(()));
        assert_eq!(oracle.deleted(delete, removed.map(Version)).is_ok(), removed == Some(1), "{removed:?}");
    }
}

#[test]
fn of_two_writers_only_one_replaces_a_version() {
    for versions in [[2, 3], [3, 2]] {
        let mut oracle = Oracle::new(1);
        put(&mut oracle, 1);
        let [first, second] = [(); 2].map(|()| oracle.begin_put(0, Condition::IfVersion(Version(1))));
        assert_eq!(oracle.put(first, Version(versions[0])), Ok(()));
        assert!(oracle.put(second, Version(versions[1])).is_err());
    }
    let mut oracle = Oracle::new(1);
    put(&mut oracle, 1);
    let writing = oracle.begin_put(0, Condition::IfVersion(Version(1)));
    let delete = oracle.begin_delete(0, Condition::Always);
    assert_eq!(oracle.put(writing, Version(2)), Ok(()));
    assert!(oracle.deleted(delete, Some(Version(1))).is_err(), "deleted, and replaced");
}

#[test]
fn of_two_deletes_only_one_removes_a_version() {
    let mut oracle = Oracle::new(1);
    put(&mut oracle, 1);
    let [first, second, third] = [(); 3].map(|()| oracle.begin_delete(0, Condition::Always));
    assert_eq!(oracle.deleted(first, Some(Version(1))), Ok(()));
    assert_eq!(oracle.deleted(second, None), Ok(()));
    assert!(oracle.deleted(third, Some(Version(1))).is_err());
}

#[test]
fn no_two_writes_have_one_version() {
    let mut oracle = Oracle::new(1);
    let [first, second] = [(); 2].map(|()| oracle.begin_put(0, Condition::Always));
    assert_eq!(oracle.put(first, Version(1)), Ok(()));
    assert!(oracle.put(second, Version(1)).is_err());
}

#[test]
fn concurrent_writers_are_ordered_by_their_versions() {
    let mut oracle = Oracle::new(1);
    let [first, second, third] = [(); 3].map(|()| oracle.begin_put(0, Condition::Always));
    let numbers = [first.number, second.number, third.number];
    let early = oracle.begin_read(0);
    assert_eq!(oracle.put(third, Version(5)), Ok(()));
    assert_eq!(oracle.put(first, Version(7)), Ok(()));
    assert_eq!(oracle.put(second, Version(6)), Ok(()), "acknowledged last, and not the last");
    assert_eq!(oracle.read(early, value(numbers[2], 5)), Ok(()));
    assert!(read(&mut oracle, value(numbers[1], 6)).is_err(), "stale");
    assert_eq!(read(&mut oracle, value(numbers[0], 7)), Ok(()));
    let late = oracle.begin_put(0, Condition::Always);
    assert!(oracle.put(late, Version(6)).is_err(), "a version that goes back");
}

#[test]
fn versions_that_nobody_made_are_noticed() {
    let mut oracle = Oracle::new(1);
    put(&mut oracle, 1);
    let writing = oracle.begin_put(0, Condition::IfVersion(Version(9)));
    assert!(oracle.refused(writing, Some(Version(2))).is_err());

    let mut oracle = Oracle::new(1);
    let slow = oracle.begin_put(0, Condition::Always);
    let writing = oracle.begin_put(0, Condition::IfAbsent);
    assert_eq!(oracle.refused(writing, Some(Version(1))), Ok(()), "perhaps the slow one's");
    assert!(oracle.put(slow, Version(2)).is_err(), "it was not");
}

#[test]
fn a_value_has_one_version_and_a_version_one_value() {
    let mut oracle = Oracle::new(1);
    let slow = oracle.begin_put(0, Condition::Always);
    let number = slow.number;
    assert_eq!(read(&mut oracle, value(number, 1)), Ok(()));
    assert!(read(&mut oracle, value(number, 2)).is_err());
    assert!(oracle.put(slow, Version(2)).is_err());
}

#[test]
fn values_without_a_name_are_known_by_their_version() {
    let mut oracle = Oracle::with_unnamed(1, 2);
    let one = put(&mut oracle, 1);
    assert!(read(&mut oracle, value(0, 1)).is_err(), "the first has a name");
    assert_eq!(read(&mut oracle, value(one, 1)), Ok(()));
    let slow = oracle.begin_put(0, Condition::Always);
    assert_eq!(read(&mut oracle, value(0, 2)), Ok(()), "the second has not");
    assert_eq!(oracle.put(slow, Version(2)), Ok(()));
    assert_eq!(read(&mut oracle, value(0, 2)), Ok(()));
    let named = oracle.begin_put(0, Condition::Always);
    assert!(read(&mut oracle, value(0, 3)).is_err());
    assert_eq!(oracle.put(named, Version(3)), Ok(()));
}

#[test]
fn an_absence_needs_a_delete_of_its_own() {
    let mut oracle = Oracle::new(1);
    put(&mut oracle, 1);
    let slow = oracle.begin_delete(0, Condition::Always);
    assert_eq!(read(&mut oracle, Seen::Absent), Ok(()));
    put(&mut oracle, 2);
    assert!(oracle.deleted(slow, Some(Version(2))).unwrap_err().is_lost, "nobody removed the first");

    let mut oracle = Oracle::new(1);
    let early = oracle.begin_read(0);
    put(&mut oracle, 1);
    let reading = oracle.begin_read(0);
    assert_eq!(oracle.read(early, Seen::Absent), Ok(()), "it began before");
    assert!(oracle.read(reading, Seen::Absent).unwrap_err().is_lost);
}

#[test]
fn a_write_that_was_not_done_is_not_seen() {
    let mut oracle = Oracle::new(1);
    let one = put(&mut oracle, 1);
    let never = oracle.begin_put(0, Condition::Always);
    let number = never.number;
    assert_eq!(oracle.not_done(never), Ok(()));
    assert!(read(&mut oracle, value(number, 2)).is_err());
    let mut oracle = Oracle::new(1);
    put(&mut oracle, 1);
    let shown = oracle.begin_put(0, Condition::Always);
    assert_eq!(read(&mut oracle, value(shown.number, 2)), Ok(()));
    assert!(oracle.not_done(shown).is_err());
    let delete = oracle.begin_delete(0, Condition::Always);
    assert_eq!(read(&mut oracle, Seen::Absent), Ok(()));
    assert!(oracle.not_done(delete).unwrap_err().is_lost);
    assert_eq!(one, 1);
}

#[test]
fn a_read_may_see_what_was_there_while_it_was_under_way() {
    let mut oracle = Oracle::new(1);
    let one = put(&mut oracle, 1);
    let (early, late) = (oracle.begin_read(0), oracle.begin_read(0));
    let two = put(&mut oracle, 2);
    assert_eq!(oracle.read(early, value(one, 1)), Ok(()));
    put(&mut oracle, 3);
    assert_eq!(oracle.read(late, value(two, 2)), Ok(()));
    assert!(read(&mut oracle, value(two, 2)).is_err(), "this one began later");
}

#[test]
fn what_one_reader_has_seen_no_later_one_may_miss() {
    let mut oracle = Oracle::new(1);
    let one = put(&mut oracle, 1);
    let two = oracle.begin_put(0, Condition::Always);
    assert_eq!(read(&mut oracle, value(one, 1)), Ok(()));
    assert_eq!(read(&mut oracle, value(two.number, 2)), Ok(()));
    assert!(read(&mut oracle, value(one, 1)).is_err());
    assert!(oracle.put(two, Version(3)).is_err(), "two was seen with version 2");
}

#[test]
fn only_what_is_open_takes_memory() {
    let mut oracle = Oracle::new(1);
    let one = put(&mut oracle, 1);
    let reading = oracle.begin_read(0);
    delete(&mut oracle, Some(1));
    for version in 2..100 {
        let early = oracle.begin_read(0);
        put(&mut oracle, version);
        oracle.unread(early);
    }
    assert!(!oracle.open.is_empty());
    assert_eq!(oracle.read(reading, value(one, 1)), Ok(()));
    assert!(oracle.open.is_empty());
    assert_eq!(oracle.settled(0), value(99, 99));
}
