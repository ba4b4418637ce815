use super::*;

fn put(oracle: &mut Oracle, version: u64) -> Number {
    let number = oracle.begin_put(0, Condition::Always);
    oracle.put(0, Version(version)).expect("the test keeps the promises");
    number
}

fn delete(oracle: &mut Oracle, removed: Option<u64>) {
    oracle.begin_delete(0, Condition::Always);
    oracle.deleted_version(0, removed.map(Version)).expect("the test keeps the promises");
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
    oracle.begin_put(0, Condition::Always);
    assert!(oracle.put(0, Version(7)).is_err());
}

#[test]
fn a_delete_shows_what_was_there() {
    let mut oracle = Oracle::new(1);
    put(&mut oracle, 1);
    put(&mut oracle, 2);
    oracle.begin_delete(0, Condition::Always);
    assert!(oracle.deleted_version(0, Some(Version(1))).is_err());
    put(&mut oracle, 3);
    oracle.begin_delete(0, Condition::Always);
    assert!(oracle.deleted_version(0, None).unwrap_err().is_lost);
}

#[test]
fn an_unknown_write_happens_once_or_never() {
    let mut oracle = Oracle::new(1);
    let one = put(&mut oracle, 1);
    let maybe = oracle.begin_put(0, Condition::Always);
    oracle.unknown(0);
    assert!(oracle.is_unsure(0));
    assert_eq!(read(&mut oracle, value(one, 1)), Ok(()));
    assert!(read(&mut oracle, value(maybe, 1)).is_err(), "its version is a new one");
    assert_eq!(read(&mut oracle, value(maybe, 2)), Ok(()));
    assert!(!oracle.is_unsure(0));
    assert!(read(&mut oracle, value(one, 1)).is_err(), "it does not go away again");
    put(&mut oracle, 3);
    assert!(read(&mut oracle, value(maybe, 4)).is_err(), "it does not happen twice");
}

#[test]
fn an_unknown_delete_happens_once_or_never() {
    let mut oracle = Oracle::new(1);
    let one = put(&mut oracle, 1);
    oracle.begin_delete(0, Condition::Always);
    oracle.unknown(0);
    assert_eq!(read(&mut oracle, value(one, 1)), Ok(()));
    assert_eq!(read(&mut oracle, Seen::Absent), Ok(()));
    assert!(read(&mut oracle, value(one, 1)).is_err());
    put(&mut oracle, 2);
    assert!(read(&mut oracle, Seen::Absent).unwrap_err().is_lost);
}

#[test]
fn what_waits_for_a_version_that_is_gone_can_not_happen() {
    let mut oracle = Oracle::new(1);
    put(&mut oracle, 1);
    let maybe = oracle.begin_put(0, Condition::IfVersion(Version(1)));
    oracle.unknown(0);
    put(&mut oracle, 3);
    assert!(!oracle.is_unsure(0));
    assert!(read(&mut oracle, value(maybe, 4)).is_err());
}

#[test]
fn conditions_are_checked() {
    let mut oracle = Oracle::new(1);
    oracle.begin_put(0, Condition::IfAbsent);
    assert_eq!(oracle.put(0, Version(1)), Ok(()));
    oracle.begin_put(0, Condition::IfAbsent);
    assert!(oracle.put(0, Version(2)).is_err(), "it was there");
    oracle.begin_put(0, Condition::IfVersion(Version(2)));
    assert!(oracle.refused(0, Some(Version(2))).is_err(), "it had that version");
    oracle.begin_put(0, Condition::IfVersion(Version(9)));
    assert_eq!(oracle.refused(0, Some(Version(2))), Ok(()));
    oracle.begin_delete(0, Condition::IfVersion(Version(9)));
    assert!(oracle.refused(0, Some(Version(1))).is_err(), "a stale version");
    oracle.begin_delete(0, Condition::IfVersion(Version(9)));
    assert!(oracle.refused(0, None).unwrap_err().is_lost);
}

#[test]
fn a_write_that_was_not_done_is_not_seen() {
    let mut oracle = Oracle::new(1);
    let one = put(&mut oracle, 1);
    let never = oracle.begin_put(0, Condition::Always);
    assert_eq!(oracle.not_done(0), Ok(()));
    assert!(read(&mut oracle, value(never, 2)).is_err());
    assert_eq!(read(&mut oracle, value(one, 1)), Ok(()));
    let shown = oracle.begin_put(0, Condition::Always);
    assert_eq!(read(&mut oracle, value(shown, 2)), Ok(()));
    assert!(oracle.not_done(0).is_err());
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
    assert_eq!(read(&mut oracle, value(two, 2)), Ok(()));
    assert!(read(&mut oracle, value(one, 1)).is_err());
    assert!(oracle.put(0, Version(3)).is_err(), "two was seen with version 2");
}

#[test]
fn only_what_is_open_takes_memory() {
    let mut oracle = Oracle::new(1);
    put(&mut oracle, 1);
    let reading = oracle.begin_read(0);
    oracle.begin_delete(0, Condition::Always);
    assert_eq!(oracle.deleted_version(0, Some(Version(1))), Ok(()));
    oracle.unread(reading);
    assert!(oracle.open.is_empty());
}
