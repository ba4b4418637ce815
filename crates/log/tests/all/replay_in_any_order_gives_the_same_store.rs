//! LOG-6, C4, V1. The segments of a log, replayed in any order and any number of times, give the same store; so
//! does the log of that store; and no version is given twice.

use crate::store_is_a_map::{Op, Wanted, play};
use crate::stores::{Contents, StoreRig, TABLE, everything, partition};
use bytes::Bytes;
use proptest::prelude::*;
use rekindle_log::LogError;
use rekindle_log::segment::{
    EntryDraft, EntryType, LogTime, ObjectEntry, Parsed, SafeVersion, TombstoneEntry, entries,
};
use rekindle_log::store::{Condition, ReplayError, WriteOutcome};
use rekindle_types::{KeyRange, SegmentId, Version, key_hash};

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0..6_u8, 0..100_u16).prop_map(|(k, b)| Op::Put(k, b, Wanted::Always)),
        3 => (0..6_u8).prop_map(|k| Op::Delete(k, Wanted::Always)),
        3 => Just(Op::Roll),
    ]
}

/// Highest version and SafeVersion in the segments.
fn version_max(segments: &[(SegmentId, Bytes)]) -> Version {
    let all = segments.iter().flat_map(|(_, bytes)| entries(bytes));
    all.map(|entry| match entry.unwrap().parse().unwrap() {
        Parsed::Object(object) => object.version,
        Parsed::Tombstone(tombstone) => tombstone.version,
        Parsed::SafeVersion(safe) => safe.0,
        _ => Version(0),
    })
    .max()
    .unwrap()
}

/// The segments in an order drawn from `order`, some of them more than once.
fn shuffled(segments: &[(SegmentId, Bytes)], order: &[prop::sample::Index]) -> Vec<(SegmentId, Bytes)> {
    let mut left: Vec<_> = segments.to_vec();
    let mut drawn = Vec::new();
    for index in order {
        if left.is_empty() {
            break;
        }
        drawn.push(left.swap_remove(index.index(left.len())));
        if index.index(3) == 0 {
            let again = index.index(drawn.len());
            drawn.push(drawn[again].clone());
        }
    }
    drawn.extend(left);
    drawn
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_objects_and_no_version_twice(
        ops in prop::collection::vec(op(), 1..60),
        orders in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 40), 3),
    ) {
        let mut store = StoreRig::large();
        let mut model = Contents::new();
        for op in &ops {
            play(&mut store, &mut model, op);
        }
        for order in &orders {
            let segments = store.segments();
            store = StoreRig::recovered(&shuffled(&segments, order));
            prop_assert_eq!(&store.contents(), &model);
            let put = store.store.put(TABLE, b"new", b"", Condition::Always).unwrap();
            let WriteOutcome::Written(version) = *put.value() else { panic!("refused") };
            prop_assert!(version > version_max(&segments));
            model.insert(b"new".to_vec(), (Vec::new(), version));
            // Deleted and gone for good, through the next crashes too.
            play(&mut store, &mut model, &Op::Put(0, 3, Wanted::Always));
            play(&mut store, &mut model, &Op::Delete(0, Wanted::Always));
        }
    }
}

fn written(store: &StoreRig, key: &[u8], value: &[u8]) -> Version {
    match *store.store.put(TABLE, key, value, Condition::Always).unwrap().value() {
        WriteOutcome::Written(version) => version,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_loses_after_it_was_appended_is_named_by_what_kills_it() {
    let mut old = StoreRig::large();
    written(&old, b"k", b"first");
    old.rig.roll();
    written(&old, b"k", b"second");
    old.rig.roll();
    let _ = old.store.delete(TABLE, b"k", Condition::Always).unwrap();
    let new = StoreRig::recovered(&old.segments());
    assert!(new.contents().is_empty());
    // Both objects and the tombstone were appended; the second object and the tombstone name segments here.
    let segments = new.segments();
    let ids: Vec<SegmentId> = segments.iter().map(|(id, _)| *id).collect();
    let keyed = segments.iter().flat_map(|(_, bytes)| entries(bytes)).map(|e| e.unwrap());
    let replaces: Vec<_> = keyed
        .filter_map(|entry| match entry.parse().unwrap() {
            Parsed::Object(object) => Some(object.replaces),
            Parsed::Tombstone(tombstone) => Some(Some(tombstone.replaces)),
            _ => None,
        })
        .collect();
    assert_eq!(replaces.len(), 3);
    assert_eq!(replaces.iter().filter(|r| r.is_some_and(|id| ids.contains(&id))).count(), 2);
    assert_eq!(replaces.iter().filter(|r| r.is_none()).count(), 1);
}

#[test]
fn a_tombstone_covers_what_comes_after_it_and_was_never_appended() {
    let mut old = StoreRig::large();
    written(&old, b"k", b"first");
    old.rig.roll();
    let _ = old.store.delete(TABLE, b"k", Condition::Always).unwrap();
    let mut segments = old.segments();
    segments.reverse();
    let new = StoreRig::recovered(&segments);
    assert!(new.contents().is_empty());
    let types = new
        .segments()
        .iter()
        .flat_map(|(_, b)| entries(b))
        .map(|e| e.unwrap().entry_type)
        .collect::<Vec<_>>();
    assert!(!types.contains(&EntryType::OBJECT) && !types.contains(&EntryType::TOMBSTONE));
}

#[test]
fn only_the_partition_is_replayed() {
    let old = StoreRig::large();
    for n in 0..100 {
        written(&old, &[n], &[n; 100]);
    }
    let [low, high] = KeyRange::FULL.split_even(2)[..] else { unreachable!() };
    let mut new = StoreRig::large();
    let replay = new.store.replay(partition(low, SegmentId(0)), 1);
    for (from, entries) in old.segments() {
        let applied = replay.apply(from, &entries).unwrap();
        assert_eq!(applied.entries, applied.appended + applied.skipped);
    }
    let replayed = new.commit(replay).unwrap();
    let mut expected = old.contents();
    expected.retain(|key, _| !high.contains(key_hash(TABLE, key)));
    assert_eq!(new.contents(), expected);
    assert_eq!(replayed.objects, expected.len() as u64);
    assert!(replayed.head > replayed.created, "T2");
    // Entries from below the creation position are those of a former life.
    let replay = new.store.replay(partition(high, SegmentId(1_000)), 1);
    for (from, entries) in old.segments() {
        assert_eq!(replay.apply(from, &entries).unwrap().appended, 0);
    }
}

#[test]
fn a_dropped_replay_leaves_nothing() {
    let old = StoreRig::large();
    for n in 0..100 {
        written(&old, &[n], &[n; 1_000]);
    }
    let mut new = StoreRig::answering();
    let kept = new.rig.log.stats().segments;
    let replay = new.store.replay(everything(), 1);
    for (from, entries) in old.segments() {
        replay.apply(from, &entries).unwrap();
    }
    assert_eq!(new.store.objects(), 100);
    drop(replay);
    new.rig.step();
    assert_eq!((new.store.objects(), new.rig.log.stats().segments), (0, kept));
    assert!(new.contents().is_empty());
}

#[test]
fn no_room_is_an_error_and_the_replay_can_be_dropped() {
    let mut old = StoreRig::large();
    for n in 0..400_u16 {
        written(&old, &n.to_le_bytes(), &[1; 4_000]);
        old.rig.step();
    }
    let new = StoreRig::answering();
    let replay = new.store.replay(everything(), 1);
    let result = old.segments().iter().try_for_each(|(from, entries)| replay.apply(*from, entries).map(drop));
    assert!(matches!(result, Err(ReplayError::Log(_))), "{result:?}");
    drop(replay);
    assert_eq!(new.store.objects(), 0);
}

#[test]
fn any_flipped_byte_is_noticed_and_any_cut() {
    let old = StoreRig::large();
    written(&old, b"key", b"value");
    let _ = old.store.delete(TABLE, b"key", Condition::Always).unwrap();
    let (from, whole) = old.segments().remove(0);
    let new = StoreRig::large();
    let boundaries: Vec<u32> = entries(&whole).map(|e| e.unwrap().offset).collect();
    for at in 0..whole.len() {
        let mut flipped = whole.to_vec();
        flipped[at] ^= 1 << (at % 8);
        let replay = new.store.replay(everything(), 1);
        match replay.apply(from, &flipped) {
            Err(error) => assert!(matches!(error, ReplayError::Corrupt(_))),
            // An entry's type is vouched for by the certificate, which whoever reads the replica has checked.
            Ok(_) => assert!(boundaries.contains(&(at as u32)), "byte {at}"),
        }
        let replay = new.store.replay(everything(), 1);
        let is_cut = !boundaries.contains(&(at as u32));
        assert_eq!(replay.apply(from, &whole[..at]).is_err(), is_cut, "cut at {at}");
    }
}

#[test]
fn a_replay_committed_on_a_failed_log_is_an_error_and_leaves_nothing() {
    let old = StoreRig::large();
    written(&old, b"key", b"value");
    let mut new = StoreRig::answering();
    let replay = new.store.replay(everything(), 1);
    for (from, entries) in old.segments() {
        replay.apply(from, &entries).unwrap();
    }
    assert_eq!(new.store.objects(), 1);
    new.rig.stop();
    assert!(matches!(new.commit(replay), Err(LogError::Sink(_))));
    assert_eq!(new.store.objects(), 0);
}

#[test]
fn a_version_that_no_log_reaches_is_damage() {
    for version in [Version(u64::MAX), Version(u64::MAX - (1 << 32))] {
        let mut new = StoreRig::answering();
        let replay = new.store.replay(everything(), 1);
        let result = replay.apply(SegmentId(1), &SafeVersion(version).encode());
        assert!(matches!(result, Err(ReplayError::Corrupt(_))), "{result:?}");
        new.commit(replay).unwrap();
    }
}

#[test]
fn an_entry_without_a_key_is_damage() {
    let object = ObjectEntry {
        table: TABLE,
        version: Version(1),
        timestamp: LogTime(0),
        replaces: None,
        expiry: None,
        key: b"",
        value: b"value",
    };
    let tombstone = TombstoneEntry {
        table: TABLE,
        version: Version(1),
        replaces: SegmentId(1),
        timestamp: LogTime(0),
        key: b"",
    };
    for draft in [EntryDraft::Object(object), EntryDraft::Tombstone(tombstone)] {
        let new = StoreRig::answering();
        let replay = new.store.replay(everything(), 1);
        let mut bytes = vec![0; draft.encoded_len()];
        draft.encode(&mut bytes);
        let result = replay.apply(SegmentId(1), &bytes);
        assert!(matches!(result, Err(ReplayError::Corrupt(_))), "{result:?}");
        assert_eq!(new.store.objects(), 0);
    }
}
