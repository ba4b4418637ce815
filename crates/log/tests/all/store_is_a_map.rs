//! Whatever is done to it, a store answers as a map from keys to values and versions does.

use crate::stores::{Contents, StoreRig, TABLE};
use proptest::prelude::*;
use rekindle_log::StoreError;
use rekindle_log::store::{Condition, Write, WriteOutcome};
use rekindle_types::{KeyRange, TableId, Version, key_hash};

#[derive(Clone, Debug)]
pub enum Op {
    Put(u8, u16, Wanted),
    Delete(u8, Wanted),
    MultiPut(Vec<(u8, u16)>),
    /// Of one of 16 even parts of the hash space.
    Purge(u8),
    Roll,
}

/// A condition, before it is known which version is there.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    Always,
    Present,
    Absent,
    ThisVersion,
    OtherVersion,
}

impl Wanted {
    fn condition(self, present: Option<Version>) -> Condition {
        let version = present.unwrap_or(Version(1));
        match self {
            Self::Always => Condition::Always,
            Self::Present => Condition::IfPresent,
            Self::Absent => Condition::IfAbsent,
            Self::ThisVersion => Condition::IfVersion(version),
            Self::OtherVersion => Condition::IfVersion(version.next()),
        }
    }
}

pub fn wanted() -> impl Strategy<Value = Wanted> {
    prop_oneof![
        4 => Just(Wanted::Always),
        1 => Just(Wanted::Present),
        1 => Just(Wanted::Absent),
        1 => Just(Wanted::ThisVersion),
        1 => Just(Wanted::OtherVersion),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let (key, bytes) = (0..24_u8, 0..300_u16);
    prop_oneof![
        8 => (key.clone(), bytes.clone(), wanted()).prop_map(|(k, b, w)| Op::Put(k, b, w)),
        4 => (key.clone(), wanted()).prop_map(|(k, w)| Op::Delete(k, w)),
        1 => prop::collection::vec((key, bytes), 0..40).prop_map(Op::MultiPut),
        1 => (0..16_u8).prop_map(Op::Purge),
        1 => Just(Op::Roll),
    ]
}

fn key(k: u8) -> Vec<u8> {
    format!("key {k}").into_bytes()
}

/// Plays a call on the store and on the model, which must agree on what came of it.
pub fn play(store: &mut StoreRig, model: &mut Contents, op: &Op) {
    match op {
        Op::Put(k, bytes, wanted) => {
            let (key, value) = (key(*k), vec![*k; usize::from(*bytes)]);
            let present = model.get(&key).map(|(_, version)| *version);
            let condition = wanted.condition(present);
            let outcome = *store.store.put(TABLE, &key, &value, condition).unwrap().value();
            match outcome {
                WriteOutcome::Written(version) => {
                    assert!(condition.holds(present));
                    assert!(model.values().all(|(_, older)| *older < version), "versions only grow");
                    model.insert(key, (value, version));
                }
                WriteOutcome::Refused(shown) => assert!(!condition.holds(present) && shown == present),
                other => panic!("{other:?}"),
            }
        }
        Op::Delete(k, wanted) => {
            let present = model.get(&key(*k)).map(|(_, version)| *version);
            let condition = wanted.condition(present);
            let outcome = *store.store.delete(TABLE, &key(*k), condition).unwrap().value();
            let expected = match present {
                _ if !condition.holds(present) => WriteOutcome::Refused(present),
                Some(version) => WriteOutcome::Deleted(version),
                None => WriteOutcome::Absent,
            };
            assert_eq!(outcome, expected);
            if outcome == WriteOutcome::Deleted(present.unwrap_or_default()) {
                model.remove(&key(*k));
            }
        }
        Op::MultiPut(objects) => {
            let objects: Vec<_> = objects.iter().map(|(k, b)| (key(*k), vec![*k; usize::from(*b)])).collect();
            let writes: Vec<Write<'_>> = objects
                .iter()
                .map(|(key, value)| Write { table: TABLE, key, value, condition: Condition::Always })
                .collect();
            for ((key, value), answer) in objects.iter().zip(store.store.multi_put(&writes)) {
                let WriteOutcome::Written(version) = *answer.unwrap().value() else { panic!("refused") };
                model.insert(key.clone(), (value.clone(), version));
            }
        }
        Op::Purge(part) => {
            let range = KeyRange::FULL.split_even(16)[usize::from(*part)];
            store.store.purge(TABLE, range);
            model.retain(|key, _| !range.contains(key_hash(TABLE, key)));
        }
        Op::Roll => store.rig.roll(),
    }
    store.rig.step();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_call_answers_as_the_model_does(ops in prop::collection::vec(op(), 1..120)) {
        let mut store = StoreRig::large();
        let other = TableId(TABLE.0 + 1);
        let _ = store.store.put(other, b"key 1", b"of another table", Condition::Always).unwrap();
        let mut model = Contents::new();
        for op in &ops {
            play(&mut store, &mut model, op);
        }
        let all: Vec<Vec<u8>> = (0..24).map(key).collect();
        prop_assert_eq!(&store.contents(), &model);
        prop_assert_eq!(&store.read(&all), &model);
        prop_assert_eq!(store.store.objects(), model.len() as u64 + 1);
        let untouched = store.store.get(other, b"key 1").unwrap();
        prop_assert_eq!(&untouched.value().as_ref().unwrap().value[..], b"of another table");
    }
}

#[test]
fn keys_that_cannot_be_are_refused() {
    let store = StoreRig::answering();
    let long = vec![0; 65_536];
    for key in [&[][..], &long] {
        assert!(matches!(store.store.get(TABLE, key), Err(StoreError::KeyLength { .. })));
        assert!(matches!(
            store.store.delete(TABLE, key, Condition::Always),
            Err(StoreError::KeyLength { .. })
        ));
        let put = store.store.put(TABLE, key, b"", Condition::Always);
        assert!(matches!(put, Err(StoreError::KeyLength { .. })));
    }
    let huge = vec![0; store.rig.log.config().value_bytes_max() + 1];
    assert!(matches!(store.store.put(TABLE, b"k", &huge, Condition::Always), Err(StoreError::Log(_))));
    assert!(store.store.get(TABLE, b"k").unwrap().value().is_none(), "a refused put leaves nothing");
}

#[test]
fn a_full_log_changes_nothing() {
    let store = StoreRig::answering();
    let value = vec![7; 4000];
    let mut written = 0_u64;
    let refused = loop {
        match store.store.put(TABLE, &written.to_le_bytes(), &value, Condition::Always) {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::Log(_)), "{refused:?}");
    assert_eq!(store.contents().len() as u64, written);
}
