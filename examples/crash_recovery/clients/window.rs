//! What clients of the servers that live notice of a recovery.

use rekindle::{
    env::Time,
    types::{KeyHash, KeyRange},
};
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

/// A call that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// Of its key.
    pub hash: KeyHash,
    /// When it began.
    pub began: Time,
    /// When it ended.
    pub ended: Time,
    /// Whether it was answered.
    pub is_done: bool,
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

    /// A read has ended.
    pub fn note_read(&mut self, call: Ended) {
        if self.is_about(&call) {
            self.reads.note(&call);
        }
    }

    /// A write has ended.
    pub fn note_write(&mut self, call: Ended) {
        if self.is_about(&call) {
            self.writes.note(&call);
        }
    }

    fn is_about(&self, call: &Ended) -> bool {
        let is_within = self.open && call.ended >= self.from && self.to.is_none_or(|to| call.began < to);
        is_within && !self.dead.iter().any(|range| range.contains(call.hash))
    }
}

impl Calls {
    fn note(&mut self, call: &Ended) {
        self.slowest = self.slowest.max(call.ended.since(call.began));
        match call.is_done {
            true => self.done += 1,
            false => self.errors += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(hash: u64, began: u64, ended: u64) -> Ended {
        Ended { hash: KeyHash(hash), began: Time(began), ended: Time(ended), is_done: true }
    }

    #[test]
    fn calls_to_other_tablets_in_that_time_are_counted() {
        let mut window = Window::default();
        window.note_read(call(1, 0, 5));
        assert_eq!(window.reads, Calls::default(), "nobody has died");
        window.open(Time(10), vec![KeyRange::new(KeyHash(100), KeyHash(200)).unwrap()]);
        window.note_read(call(1, 0, 5)); // before
        window.note_read(call(150, 11, 12)); // the dead one's
        window.note_read(call(1, 5, 15)); // under way at the kill
        window.note_write(Ended { is_done: false, ..call(1, 11, 12) });
        window.close(Time(20));
        window.note_read(call(1, 19, 49)); // begun before the end
        window.note_read(call(1, 20, 21)); // after
        assert_eq!(window.reads, Calls { done: 2, errors: 0, slowest: Duration::from_nanos(30) });
        assert_eq!(window.writes, Calls { done: 0, errors: 1, slowest: Duration::from_nanos(1) });
    }

    #[test]
    fn who_dies_meanwhile_is_not_counted_either() {
        let mut window = Window::default();
        window.open(Time(10), Vec::new());
        window.extend(vec![KeyRange::FULL]);
        window.note_write(call(1, 11, 12));
        assert_eq!(window.writes, Calls::default());
    }
}
