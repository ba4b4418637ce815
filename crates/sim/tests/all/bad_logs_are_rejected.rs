//! Logs that would bring back what is dead, or lose what is alive; and a real one that is cleaned.

use crate::kept_store::{KeptStore, TABLE};
use bytes::Bytes;
use rekindle_cluster::master::TabletStatus;
use rekindle_sim::{
    check::{check_killed, check_replayable},
    look::{EntryLook, KeyLook, LogLook, ServerLook},
};
use rekindle_types::{KeyRange, Rules, SegmentId, TabletVersion, Version};

fn entry(segment: u64, version: u64, is_object: bool, replaces: Option<u64>) -> EntryLook {
    let (segment, version) = (SegmentId(segment), Version(version));
    EntryLook { segment, version, is_object, replaces: replaces.map(SegmentId) }
}

fn object(segment: u64, version: u64) -> EntryLook {
    entry(segment, version, true, None)
}

fn overwrite(segment: u64, version: u64, replaces: u64) -> EntryLook {
    entry(segment, version, true, Some(replaces))
}

fn tombstone(segment: u64, version: u64, replaces: u64) -> EntryLook {
    entry(segment, version, false, Some(replaces))
}

/// The log of one key.
fn log(told: Option<u64>, found: &[EntryLook], aside: &[EntryLook]) -> LogLook {
    let (key, told) = (Bytes::from_static(b"k"), told.map(Version));
    let (found, aside) = (found.to_vec(), aside.to_vec());
    LogLook { keys: vec![KeyLook { table: TABLE, key, told, found, aside }], ..LogLook::default() }
}

#[test]
fn what_would_come_back_otherwise_than_clients_are_told() {
    let is_right = |told, found: &[EntryLook]| check_replayable(&log(told, found, &[])).is_ok();
    assert!(is_right(None, &[]) && !is_right(Some(1), &[]));
    assert!(is_right(Some(1), &[object(1, 1)]) && !is_right(None, &[object(1, 1)]));
    let two = [overwrite(2, 5, 1), object(1, 1)];
    assert!(is_right(Some(5), &two) && !is_right(Some(1), &two) && !is_right(None, &two));
    let deleted = [tombstone(3, 5, 2), object(1, 1), overwrite(2, 5, 1)];
    assert!(is_right(None, &deleted) && !is_right(Some(5), &deleted));
    let anew = [tombstone(3, 5, 2), object(4, 9), overwrite(2, 5, 1)];
    assert!(is_right(Some(9), &anew) && !is_right(None, &anew));
    let moved = [object(1, 1), object(7, 1)];
    assert!(is_right(Some(1), &moved), "it is there twice until its old place has left");
}

#[test]
fn what_is_dead_and_named_by_nothing() {
    let stays_dead =
        |found: &[EntryLook], aside: &[EntryLook]| check_killed(&log(None, found, aside)).is_ok();
    assert!(stays_dead(&[object(1, 1)], &[]), "it is alive");
    assert!(stays_dead(&[object(1, 1), overwrite(2, 5, 1)], &[]));
    assert!(!stays_dead(&[object(1, 1), object(2, 5)], &[]), "C1: the overwrite does not say that it is one");
    assert!(stays_dead(&[object(1, 1), tombstone(2, 1, 1)], &[]));
    assert!(!stays_dead(&[object(5, 3), tombstone(6, 4, 2)], &[]), "it names another");
    let chain = [object(1, 1), overwrite(2, 5, 1), tombstone(3, 5, 2)];
    assert!(stays_dead(&chain, &[]));
    let shrunk = [object(1, 1), tombstone(6, 5, 1)];
    assert!(stays_dead(&shrunk, &[]), "what replaced it was cleaned, and left a tombstone");
    assert!(!stays_dead(&[object(1, 1), tombstone(3, 5, 2)], &[]), "C3: what names it has gone too early");
    // It was moved when it was alive, and died then.
    let (moved, killed) = ([object(7, 1)], [object(1, 1), tombstone(4, 1, 7)]);
    assert!(stays_dead(&killed, &moved));
    assert!(!stays_dead(&killed, &[]) && !stays_dead(&killed, &[object(7, 3)]));
    // C2: it died, and was moved then.
    assert!(!stays_dead(&[object(1, 1), tombstone(4, 1, 1), object(7, 1)], &[]));
}

/// The look at a store without a server.
fn look(master: &KeptStore) -> LogLook {
    let serving = Some((TabletVersion(1), SegmentId(0)));
    let tablets = vec![TabletStatus { table: TABLE, range: KeyRange::FULL, serving }];
    LogLook::of(&ServerLook { tablets, ..ServerLook::default() }, &master.store).expect("it has a head")
}

fn check(master: &KeptStore) {
    let look = look(master);
    assert_eq!(check_replayable(&look), Ok(()));
    assert_eq!(check_killed(&look), Ok(()));
}

#[test]
fn a_log_is_right_at_each_step_of_its_cleaning() {
    let mut master = KeptStore::new(Rules::default());
    for key in ["stays", "dies", "is deleted", "is overwritten"] {
        master.put(key, "first");
    }
    let first = master.roll();
    master.put("is overwritten", "second");
    let second = master.roll();
    check(&master);
    let mut pass = master.begin_cleaning(&[first, second]).expect("two segments can be one");
    master.delete("is deleted");
    check(&master);
    assert_eq!(pass.step(usize::MAX), Ok(true));
    check(&master);
    master.delete("dies");
    let dead = |look: &LogLook| look.keys.iter().find(|key| *key.key == *b"dies").cloned().unwrap();
    let of = dead(&look(&master));
    assert!(of.told.is_none() && !of.aside.is_empty(), "what died is also where it was moved to: {of:?}");
    check(&master);
    let third = master.roll();
    check(&master);
    master.finish_cleaning(pass);
    check(&master);
    master.put("stays", "anew");
    let fourth = master.roll();
    master.clean(&[third, fourth]).unwrap();
    check(&master);
    // Nothing of what was not answered is counted.
    master.hold_up();
    master.put("stays", "unanswered");
    master.delete("is overwritten");
    let held = look(&master);
    assert!(held.keys.iter().any(|key| *key.key == *b"is overwritten" && key.told.is_some()));
    check(&master);
    let recovered = master.crash_and_recover();
    check(&recovered);
}
