//! What the calls of all clients came to.

use crate::{
    checked::{Ended, Kind, Outcome, Watch},
    histogram::Histogram,
};
use parking_lot::Mutex;
use std::{collections::BTreeMap, time::Duration};

/// Calls of one kind.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// Answered.
    pub done: u64,
    /// Answered that the condition did not hold.
    pub refused: u64,
    /// Surely not done.
    pub not_done: u64,
    /// Of unknown outcome.
    pub unknown: u64,
    /// Bytes of values written.
    pub bytes: u64,
    /// How long all of them took.
    pub times: Histogram,
}

/// Counts and times all calls.
#[derive(Default)]
pub struct Meter {
    calls: Mutex<BTreeMap<Kind, Calls>>,
}

impl Meter {
    /// What was counted so far.
    pub fn calls(&self) -> BTreeMap<Kind, Calls> {
        self.calls.lock().clone()
    }

    /// How many calls have ended, how many of them with unknown outcome, how many were not done.
    pub fn totals(&self) -> (u64, u64, u64) {
        let calls = self.calls.lock();
        let of = |part: fn(&Calls) -> u64| calls.values().map(part).sum();
        (of(|calls| calls.times.count()), of(|calls| calls.unknown), of(|calls| calls.not_done))
    }

    /// The slowest call.
    pub fn slowest(&self) -> Option<(Kind, Duration)> {
        let calls = self.calls.lock();
        calls.iter().map(|(kind, calls)| (*kind, calls.times.max())).max_by_key(|(_, time)| *time)
    }
}

impl Watch for Meter {
    fn ended(&self, call: Ended) {
        let mut calls = self.calls.lock();
        let calls = calls.entry(call.kind).or_default();
        calls.times.note(call.ended.since(call.began));
        calls.bytes += call.bytes;
        match call.outcome {
            Outcome::Done => calls.done += 1,
            Outcome::Refused => calls.refused += 1,
            Outcome::NotDone => calls.not_done += 1,
            Outcome::Unknown => calls.unknown += 1,
        }
    }
}
