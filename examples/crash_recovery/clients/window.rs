//! What clients of the servers that live notice of a recovery.

use crate::checked::{Ended, Kind, Outcome, Watch};
use parking_lot::Mutex;
use rekindle::{env::Time, types::KeyRange};
use std::time::Duration;

/// From a kill until all is served again: calls to tablets that no dead server owned, under way in that time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    open: bool,
    from: Time,
    to: Option<Time>,
    dead: Vec<KeyRange>,
    /// Of all windows so far.
    pub reads: Calls,
    /// Of all windows so far.
    pub writes: Calls,
}

/// Calls of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Answered.
    pub done: u64,
    /// Not answered, or of unknown outcome.
    pub errors: u64,
    /// The slowest.
    pub slowest: Duration,
}

impl Window {
    /// The owner of these ranges is about to die.
    pub fn open(&mut self, from: Time, dead: Vec<KeyRange>) {
        (self.open, self.from, self.to, self.dead) = (true, from, None, dead);
    }

    /// Another one died meanwhile.
    pub fn extend(&mut self, dead: Vec<KeyRange>) {
        self.dead.extend(dead);
    }

    /// Everything is served again.
    pub fn close(&mut self, to: Time) {
        self.to = Some(to);
    }

    fn note(&mut self, call: &Ended) {
        match call.kind {
            _ if !self.is_about(call) => {}
            Kind::Get => self.reads.note(call),
            _ => self.writes.note(call),
        }
    }

    fn is_about(&self, call: &Ended) -> bool {
        let is_within = self.open && call.ended >= self.from && self.to.is_none_or(|to| call.began < to);
        is_within && !self.dead.iter().any(|range| range.contains(call.hash))
    }
}

impl Watch for Mutex<Window> {
    fn ended(&self, call: Ended) {
        self.lock().note(&call);
    }
}

impl Calls {
    fn note(&mut self, call: &Ended) {
        self.slowest = self.slowest.max(call.ended.since(call.began));
        match call.outcome {
            Outcome::Done | Outcome::Refused => self.done += 1,
            Outcome::NotDone | Outcome::Unknown => self.errors += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle::types::KeyHash;

    fn call(hash: u64, began: u64, ended: u64) -> Ended {
        let (began, ended) = (Time(began), Time(ended));
        Ended { kind: Kind::Get, hash: KeyHash(hash), began, ended, outcome: Outcome::Done, bytes: 0 }
    }

    #[test]
    fn calls_to_other_tablets_in_that_time_are_counted() {
        let mut window = Window::default();
        window.note(&call(1, 0, 5));
        assert_eq!(window.reads, Calls::default(), "nobody has died");
        window.open(Time(10), vec![KeyRange::new(KeyHash(100), KeyHash(200)).unwrap()]);
        window.note(&call(1, 0, 5)); // before
        window.note(&call(150, 11, 12)); // the dead one's
        window.note(&call(1, 5, 15)); // under way at the kill
        window.note(&Ended { kind: Kind::Put, outcome: Outcome::Unknown, ..call(1, 11, 12) });
        window.close(Time(20));
        window.note(&call(1, 19, 49)); // begun before the end
        window.note(&call(1, 20, 21)); // after
        assert_eq!(window.reads, Calls { done: 2, errors: 0, slowest: Duration::from_nanos(30) });
        assert_eq!(window.writes, Calls { done: 0, errors: 1, slowest: Duration::from_nanos(1) });
    }

    #[test]
    fn who_dies_meanwhile_is_not_counted_either() {
        let mut window = Window::default();
        window.open(Time(10), Vec::new());
        window.extend(vec![KeyRange::FULL]);
        window.note(&Ended { kind: Kind::Put, ..call(1, 11, 12) });
        assert_eq!(window.writes, Calls::default());
    }
}
