//! C1 to C6 together: passes begin, go on by a few entries, commit or are given up while objects are written, written
//! over and deleted, and the sink answers in any order. A recovery from what the backups hold at any instant finds, of
//! every key, the last acknowledged state or a later one: nothing acknowledged is lost, nothing deleted comes back.

use crate::rig::{Rig, config, poll};
use crate::stores::{Contents, StoreRig, TABLE};
use proptest::prelude::*;
use rekindle_log::cleaner::{Pass, Passed};
use rekindle_log::store::{Condition, WriteOutcome};
use rekindle_log::{LogConfig, LogError, SegmentSource, StoreError};
use rekindle_types::{Position, SegmentId, Version};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

/// Few, so that each has many lives.
const KEYS: u8 = 6;

type Commit = Pin<Box<dyn Future<Output = Result<Passed, LogError>>>>;
/// What a key was from some position of the log on.
type States = Vec<(Option<(Vec<u8>, Version)>, Position)>;

#[derive(Clone, Copy, Debug)]
enum Step {
    Put { key: u8, large: bool },
    Delete { key: u8 },
    Roll,
    Begin { victims: u64 },
    Move { which: usize, entries: usize },
    Commit { which: usize },
    GiveUp { which: usize },
    Finish,
    Answer { which: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0_usize..64;
    let key = 0..KEYS;
    prop_oneof![
        6 => (key.clone(), any::<bool>()).prop_map(|(key, large)| Step::Put { key, large }),
        3 => key.prop_map(|key| Step::Delete { key }),
        3 => Just(Step::Roll),
        3 => any::<u64>().prop_map(|victims| Step::Begin { victims }),
        4 => (which.clone(), 0_usize..4).prop_map(|(which, entries)| Step::Move { which, entries }),
        2 => which.clone().prop_map(|which| Step::Commit { which }),
        1 => which.clone().prop_map(|which| Step::GiveUp { which }),
        1 => Just(Step::Finish),
        14 => which.prop_map(|which| Step::Answer { which }),
    ]
}

struct Play {
    rig: StoreRig,
    states: BTreeMap<Vec<u8>, States>,
    passes: Vec<Pass>,
    commits: Vec<Commit>,
    written: u64,
    /// Passes begun, committed, given up after they had moved something perhaps.
    done: [u64; 3],
    crashes: u64,
}

impl Play {
    fn new() -> Self {
        let settings = LogConfig { segments_max: 40, ..config() }.cleaned();
        Self {
            rig: StoreRig::over(Rig::new(settings)),
            states: BTreeMap::new(),
            passes: Vec::new(),
            commits: Vec::new(),
            written: 0,
            done: [0; 3],
            crashes: 0,
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Put { key, large } => self.put(key, large),
            Step::Delete { key } => self.delete(key),
            Step::Roll => self.rig.rig.log.roll(self.rig.rig.log.end().segment),
            Step::Begin { victims } if self.passes.len() < 3 => self.begin(victims),
            Step::Move { which, entries } if !self.passes.is_empty() => {
                let count = self.passes.len();
                let moved = self.passes[which % count].step(entries);
                assert!(matches!(moved, Ok(_) | Err(LogError::Full { .. })), "{moved:?}");
            }
            Step::Commit { which } if !self.passes.is_empty() => {
                let mut pass = self.passes.remove(which % self.passes.len());
                match pass.step(usize::MAX) {
                    Ok(_) => self.commits.push(Box::pin(pass.commit().unwrap())),
                    Err(LogError::Full { .. }) => self.passes.push(pass),
                    Err(error) => panic!("{error}"),
                }
            }
            Step::GiveUp { which } if !self.passes.is_empty() => {
                drop(self.passes.remove(which % self.passes.len()));
                self.done[2] += 1;
            }
            Step::Finish => self.rig.rig.log.finish_cleaning(),
            Step::Answer { which } => self.rig.rig.sink.answer_some(which),
            _ => {}
        }
        self.rig.rig.step();
        let before = self.commits.len();
        self.commits.retain_mut(|commit| poll(commit).is_pending());
        self.done[1] += (before - self.commits.len()) as u64;
    }

    fn put(&mut self, key: u8, large: bool) {
        self.written += 1;
        let mut value = self.written.to_le_bytes().to_vec();
        value.resize(if large { 7_000 } else { 8 }, key);
        match self.rig.store.put(TABLE, &[key], &value, Condition::Always) {
            Ok(answer) => {
                let after = answer.after();
                let WriteOutcome::Written(version) = *answer.value() else { panic!("no condition") };
                self.note(key, Some((value, version)), after);
            }
            Err(error) => refused(&error),
        }
    }

    fn delete(&mut self, key: u8) {
        match self.rig.store.delete(TABLE, &[key], Condition::Always) {
            Ok(answer) if matches!(answer.value(), WriteOutcome::Deleted(_)) => {
                self.note(key, None, answer.after());
            }
            Ok(_) => {}
            Err(error) => refused(&error),
        }
    }

    fn note(&mut self, key: u8, state: Option<(Vec<u8>, Version)>, after: Position) {
        let absent = || vec![(None, Position::default())];
        self.states.entry(vec![key]).or_insert_with(absent).push((state, after));
    }

    /// Any segments that may be cleaned, whether they are worth it or not.
    fn begin(&mut self, victims: u64) {
        let cleanable = self.rig.rig.log.cleanable();
        let chosen: Vec<SegmentId> = (0..64)
            .zip(&cleanable)
            .filter(|(bit, _)| victims >> bit & 1 == 1)
            .map(|(_, s)| s.segment)
            .collect();
        if let Some(pass) = Pass::begin(&self.rig.store, &chosen) {
            self.passes.push(pass);
            self.done[0] += 1;
        }
    }

    /// Crashes here, once with every call carried out and once with those that were answered.
    fn crash(&mut self) {
        let durable = self.rig.rig.log.durable();
        for segments in self.rig.rig.sink.recovered_segments() {
            self.crashes += 1;
            let mut found: Contents = StoreRig::recovered(&segments).contents();
            for (key, states) in &self.states {
                let acknowledged = states.iter().rposition(|(_, after)| *after <= durable).unwrap_or(0);
                let found = found.remove(key);
                let is_allowed = states[acknowledged..].iter().any(|(state, _)| *state == found);
                let short = |state: &Option<(Vec<u8>, Version)>| state.as_ref().map(|(_, version)| *version);
                assert!(
                    is_allowed,
                    "{key:?} is {:?} after a crash, of {:?}, with {acknowledged} acknowledged",
                    short(&found),
                    states.iter().map(|(state, after)| (short(state), *after)).collect::<Vec<_>>()
                );
            }
            assert!(found.is_empty(), "{found:?} was never written");
        }
    }

    /// What those who read now see.
    fn read(&self) {
        for (key, states) in &self.states {
            let (newest, _) = states.last().expect("never empty");
            let (object, _) = self.rig.store.get(TABLE, key).unwrap().into_parts();
            assert_eq!(object.map(|o| (o.value.to_vec(), o.version)), *newest);
        }
    }

    fn settle(&mut self) {
        for at in 0..4_000 {
            for which in 0..self.passes.len() {
                self.step(Step::Commit { which });
            }
            self.step(if at % 16 == 0 { Step::Finish } else { Step::Answer { which: 0 } });
            if self.rig.rig.sink.pending().is_empty() && self.passes.is_empty() && self.commits.is_empty() {
                break;
            }
        }
        assert!(self.commits.is_empty() && self.passes.is_empty(), "passes come to their end");
        self.crash();
        self.read();
    }
}

fn refused(error: &StoreError) {
    let is_known = matches!(error, StoreError::Log(LogError::Full { .. } | LogError::Busy { .. }));
    assert!(is_known, "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_crash_at_any_instant_of_a_pass_takes_nothing_back(steps in prop::collection::vec(step(), 1..200)) {
        let mut play = Play::new();
        for (at, step) in steps.into_iter().enumerate() {
            play.step(step);
            if at % 6 == 0 {
                play.crash();
                play.read();
            }
        }
        play.settle();
    }
}

/// The property above is not true for lack of cases.
#[test]
fn the_plays_reach_commits_and_passes_at_once() {
    let mut play = Play::new();
    let mut at_once = 0;
    for round in 0..60_u64 {
        for key in 0..KEYS {
            play.step(if (round + u64::from(key)) % 5 == 4 {
                Step::Delete { key }
            } else {
                Step::Put { key, large: round % 3 == 0 }
            });
        }
        play.step(Step::Roll);
        play.step(Step::Begin { victims: 0b1011 << (round % 7) });
        play.step(Step::Move { which: 0, entries: 2 });
        at_once = at_once.max(play.passes.len());
        if round % 3 == 2 {
            play.step(Step::Commit { which: 0 });
        }
        if round % 16 == 15 {
            play.step(Step::GiveUp { which: 0 });
        }
        for which in 0..24 {
            play.step(Step::Answer { which });
            if which % 6 == 0 {
                play.crash();
            }
        }
        play.step(Step::Finish);
    }
    play.settle();
    let [begun, committed, given_up] = play.done;
    assert!(begun > 10 && committed > 8 && given_up > 0 && at_once > 1, "{:?} {at_once}", play.done);
}
