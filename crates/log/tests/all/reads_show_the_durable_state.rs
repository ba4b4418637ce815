//! Rule V3, the second way: a durable read shows what was acknowledged, and waits for nothing.

use crate::rig::{Rig, config};
use crate::stores::{StoreRig, TABLE, everything};
use proptest::prelude::*;
use rekindle_log::LogConfig;
use rekindle_log::store::{Condition, WriteOutcome};
use rekindle_types::{KeyRange, Position, TableId, Version, key_hash};
use std::collections::BTreeMap;

type State = Option<(Vec<u8>, Version)>;

/// What a durable read shows. It must be allowed out at once.
fn shown(store: &StoreRig, table: TableId, key: &[u8]) -> State {
    let (object, after) = store.store.get_durable(table, key).unwrap().into_parts();
    assert!(after <= store.rig.log.durable(), "it waits for nothing");
    object.map(|object| (object.value.to_vec(), object.version))
}

fn put(store: &StoreRig, key: &[u8], value: &[u8]) -> (Version, Position) {
    let (outcome, end) = store.store.put(TABLE, key, value, Condition::Always).unwrap().into_parts();
    let WriteOutcome::Written(version) = outcome else { panic!("{outcome:?}") };
    (version, end)
}

#[test]
fn a_change_shows_once_it_is_durable() {
    let mut store = StoreRig::opened();
    let (first, _) = put(&store, b"k", b"first");
    assert_eq!(shown(&store, TABLE, b"k"), None);
    store.rig.step();
    let (second, _) = put(&store, b"k", b"second");
    store.rig.answer("append 1");
    assert_eq!(shown(&store, TABLE, b"k"), Some((b"first".to_vec(), first)), "not what came before it");
    store.rig.answer("append 1");
    let _ = store.store.delete(TABLE, b"k", Condition::Always).unwrap();
    assert_eq!(shown(&store, TABLE, b"k"), Some((b"second".to_vec(), second)));
    let (third, _) = put(&store, b"k", b"third");
    assert_eq!(shown(&store, TABLE, b"k"), Some((b"second".to_vec(), second)));
    store.rig.step();
    store.rig.answer_all();
    assert_eq!(shown(&store, TABLE, b"k"), Some((b"third".to_vec(), third)));
}

#[test]
fn many_keys_are_read_as_one_is() {
    let mut store = StoreRig::opened();
    put(&store, b"a", b"old");
    store.rig.step();
    store.rig.answer("append 1");
    put(&store, b"a", b"new");
    put(&store, b"b", b"new");
    let keys: [(TableId, &[u8]); 4] = [(TABLE, b"a"), (TABLE, b"b"), (TABLE, b"c"), (TABLE, b"")];
    let answers = store.store.multi_get_durable(&keys);
    assert_eq!(answers[0].as_ref().unwrap().value().as_ref().unwrap().value, "old");
    assert!(answers[1].as_ref().unwrap().value().is_none() && answers[2].as_ref().unwrap().value().is_none());
    assert!(answers[3].is_err(), "no key is empty");
}

#[test]
fn what_a_side_log_holds_counts_as_its_source_does() {
    let mut source = StoreRig::answering();
    let (version, _) = put(&source, b"k", b"value");
    source.rig.step();
    let mut store = StoreRig::opened();
    let replay = store.store.replay(everything(), 1);
    for (segment, entries) in source.segments() {
        replay.apply(segment, &entries).unwrap();
    }
    assert_eq!(shown(&store, TABLE, b"k"), Some((b"value".to_vec(), version)));
    put(&store, b"k", b"newer");
    assert_eq!(shown(&store, TABLE, b"k"), Some((b"value".to_vec(), version)), "below a change, too");
    store.rig.step();
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8, u16),
    Delete(u8),
    /// Of one of four even parts of the hash space, in one of two tables.
    Purge(u8, bool),
    Roll,
    /// The sink answers its oldest calls.
    Answer(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..6_u8, 0..2_000_u16).prop_map(|(k, b)| Step::Put(k, b)),
        4 => (0..6_u8).prop_map(Step::Delete),
        1 => (0..4_u8, any::<bool>()).prop_map(|(part, is_ours)| Step::Purge(part, is_ours)),
        1 => Just(Step::Roll),
        4 => (1..4_u8).prop_map(Step::Answer),
    ]
}

/// Each key's states with the positions from which they are durable.
#[derive(Default)]
struct History(BTreeMap<Vec<u8>, Vec<(Position, State)>>);

impl History {
    fn note(&mut self, key: &[u8], end: Position, state: State) {
        self.0.entry(key.to_vec()).or_default().push((end, state));
    }

    fn at(&self, key: &[u8], durable: Position) -> State {
        let states = self.0.get(key)?;
        states.iter().rev().find(|(end, _)| *end <= durable)?.1.clone()
    }

    fn play(&mut self, store: &mut StoreRig, step: &Step) {
        match step {
            Step::Put(k, bytes) => {
                let value = vec![*k; usize::from(*bytes)];
                // Refused while too many heads wait.
                if let Ok(answer) = store.store.put(TABLE, &[*k], &value, Condition::Always)
                    && let (WriteOutcome::Written(version), end) = answer.into_parts()
                {
                    self.note(&[*k], end, Some((value, version)));
                }
            }
            Step::Delete(k) => {
                if let Ok(answer) = store.store.delete(TABLE, &[*k], Condition::Always)
                    && let (WriteOutcome::Deleted(_), end) = answer.into_parts()
                {
                    self.note(&[*k], end, None);
                }
            }
            Step::Purge(part, is_ours) => {
                let range = KeyRange::FULL.split_even(4)[usize::from(*part)];
                let table = if *is_ours { TABLE } else { TableId(TABLE.0 + 1) };
                store.store.purge(table, range);
                self.0.retain(|key, _| !is_ours || !range.contains(key_hash(TABLE, key)));
            }
            Step::Roll => store.rig.roll(),
            Step::Answer(calls) => {
                for _ in 0..*calls {
                    let oldest = store.rig.sink.pending().first().cloned();
                    oldest.iter().for_each(|oldest| store.rig.answer(oldest));
                }
            }
        }
        store.rig.step();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_key_is_shown_as_it_was_at_the_durable_position(steps in prop::collection::vec(step(), 1..60)) {
        // Room for all that is written while the sink is silent.
        let mut rig = Rig::new(LogConfig { segments_max: 60, ..config() });
        rig.answer("open 1");
        let mut store = StoreRig::over(rig);
        let mut history = History::default();
        for step in &steps {
            history.play(&mut store, step);
            let durable = store.rig.log.durable();
            for k in 0..6_u8 {
                prop_assert_eq!(shown(&store, TABLE, &[k]), history.at(&[k], durable), "key {}", k);
            }
        }
    }
}
