//! Histories of a register that works, and of one that does not.

use super::{Oracle, Reading, Seen, Writing};
use crate::checked::{Drawn, Number, SplitMix, draw};
use rekindle::{client::Condition, types::Version};

/// What is wrong with a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// Now and then what was written last is gone.
    Loses,
    /// Now and then a deleted object is back.
    Resurrects,
    /// Now and then a read shows the state before.
    ReadsStale,
    /// Now and then a write is carried out twice.
    Repeats,
    /// Conditions are not looked at now and then.
    IgnoresConditions,
    /// Versions are not given in order.
    SwapsVersions,
}

/// One key as a server has it.
#[derive(Clone, Debug)]
struct Register {
    present: Option<(Number, Version)>,
    before: Option<(Number, Version)>,
    next: u64,
}

#[derive(Debug)]
enum Call {
    Read(Reading, Option<Seen>),
    Put(Writing, Condition, Option<Answer>),
    Delete(Writing, Condition, Option<Answer>),
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    Written(Version),
    Removed(Option<Version>),
    Refused(Option<Version>),
}

const UNNAMED_EVERY: Number = 5;

fn seen(present: Option<(Number, Version)>) -> Seen {
    let name = |number: Number| if number.is_multiple_of(UNNAMED_EVERY) { 0 } else { number };
    present.map_or(Seen::Absent, |(number, version)| Seen::Value(name(number), version))
}

impl Register {
    fn version(&self) -> Option<Version> {
        self.present.map(|(_, version)| version)
    }

    fn put(&mut self, number: Number, condition: Condition, fault: Fault) -> Answer {
        if !condition.holds(self.version()) && fault != Fault::IgnoresConditions {
            return Answer::Refused(self.version());
        }
        self.next += 2;
        let version = Version(self.next - u64::from(fault == Fault::SwapsVersions) * 3);
        (self.before, self.present) = (self.present, Some((number, version)));
        Answer::Written(version)
    }

    fn delete(&mut self, condition: Condition) -> Answer {
        if !condition.holds(self.version()) {
            return Answer::Refused(self.version());
        }
        let removed = self.version();
        if removed.is_some() {
            (self.before, self.present) = (self.present, None);
        }
        Answer::Removed(removed)
    }
}

/// Calls of several clients on one key, in an order drawn from the seed. The first thing that the oracle did not like.
fn play(seed: u64, fault: Fault) -> Result<(), String> {
    let rng = &mut SplitMix(seed);
    let oracle = &mut Oracle::with_unnamed(1, UNNAMED_EVERY);
    let mut register = Register { present: None, before: None, next: 10 };
    let mut calls: Vec<Call> = Vec::new();
    // Writes of unknown outcome that may still land.
    let mut late: Vec<(Option<Number>, Condition)> = Vec::new();
    for _ in 0..400 {
        let fault = if rng.below(8) == 0 { fault } else { Fault::None };
        match rng.below(10) {
            0..3 if calls.len() < 5 => calls.push(begin(rng, oracle)),
            3..6 if !calls.is_empty() => {
                let at = rng.below(calls.len() as u64) as usize;
                apply(&mut register, &mut calls[at], fault);
            }
            6 if !late.is_empty() => {
                let (number, condition) = late.swap_remove(rng.below(late.len() as u64) as usize);
                match number {
                    Some(number) => _ = register.put(number, condition, Fault::None),
                    None => _ = register.delete(condition),
                }
            }
            7 if rng.below(20) == 0 => {
                late.clear();
                oracle.close_unknown();
            }
            _ if !calls.is_empty() => {
                let at = rng.below(calls.len() as u64) as usize;
                let mut call = calls.swap_remove(at);
                let is_lost = rng.below(12) == 0;
                if !is_lost {
                    apply(&mut register, &mut call, fault);
                }
                end(oracle, call, is_lost, &mut late).map_err(|breach| breach.what)?;
            }
            _ => {}
        }
        damage(&mut register, fault);
    }
    Ok(())
}

fn begin(rng: &mut SplitMix, oracle: &mut Oracle) -> Call {
    match draw(rng, oracle.settled(0)) {
        _ if rng.below(2) == 0 => Call::Read(oracle.begin_read(0), None),
        Drawn::Put(condition) => Call::Put(oracle.begin_put(0, condition), condition, None),
        Drawn::Delete(condition) => Call::Delete(oracle.begin_delete(0, condition), condition, None),
    }
}

/// The moment when the call has its effect.
fn apply(register: &mut Register, call: &mut Call, fault: Fault) {
    match call {
        Call::Read(_, answer @ None) => {
            *answer = Some(seen(if fault == Fault::ReadsStale { register.before } else { register.present }));
        }
        Call::Put(writing, condition, answer) if answer.is_none() || fault == Fault::Repeats => {
            let done = register.put(writing.number, *condition, fault);
            answer.get_or_insert(done);
        }
        Call::Delete(_, condition, answer @ None) => *answer = Some(register.delete(*condition)),
        _ => {}
    }
}

fn end(
    oracle: &mut Oracle,
    call: Call,
    is_lost: bool,
    late: &mut Vec<(Option<Number>, Condition)>,
) -> Result<(), super::Breach> {
    let lost = "the call was applied";
    match call {
        Call::Read(reading, _) if is_lost => oracle.unread(reading),
        Call::Read(reading, answer) => return oracle.read(reading, answer.expect(lost)),
        Call::Put(writing, condition, answer) if is_lost => {
            if answer.is_none() && writing.began % 3 == 0 {
                return oracle.not_done(writing);
            }
            if answer.is_none() {
                late.push((Some(writing.number), condition));
            }
            oracle.unknown(writing);
        }
        Call::Delete(writing, condition, answer) if is_lost => {
            if answer.is_none() {
                late.push((None, condition));
            }
            oracle.unknown(writing);
        }
        Call::Put(writing, _, answer) | Call::Delete(writing, _, answer) => {
            return match answer.expect(lost) {
                Answer::Written(version) => oracle.put(writing, version),
                Answer::Removed(removed) => oracle.deleted(writing, removed),
                Answer::Refused(present) => oracle.refused(writing, present),
            };
        }
    }
    Ok(())
}

fn damage(register: &mut Register, fault: Fault) {
    match fault {
        Fault::Loses => register.present = register.before,
        Fault::Resurrects if register.present.is_none() => register.present = register.before,
        _ => {}
    }
}

#[test]
fn true_histories_are_accepted() {
    for seed in 0..2_000 {
        let outcome = play(seed, Fault::None);
        assert_eq!(outcome, Ok(()), "seed {seed}");
    }
}

#[test]
fn false_histories_are_refused() {
    let faults = [
        Fault::Loses,
        Fault::Resurrects,
        Fault::ReadsStale,
        Fault::Repeats,
        Fault::IgnoresConditions,
        Fault::SwapsVersions,
    ];
    for fault in faults {
        let refused = (0..500).filter(|seed| play(*seed, fault).is_err()).count();
        // Some of them can't be told from true ones: nobody looked.
        assert!(refused > 250, "{fault:?}: {refused} of 500");
    }
}
