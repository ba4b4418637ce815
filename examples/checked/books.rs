//! What all clients of a table know together.

use super::{Breach, Index, Oracle};
use std::collections::BTreeMap;

/// Broken promises that are kept in words.
const BREACHES_SHOWN: usize = 20;

/// The oracle, and what it found.
pub struct Books {
    /// What must be found.
    pub oracle: Oracle,
    /// Calls of the whole run.
    pub tally: Tally,
    /// Objects with a broken promise, and whether one of those was their loss.
    broken: BTreeMap<Index, bool>,
    breaches: Vec<Breach>,
}

/// Calls by their end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Writes acknowledged, deletes among them.
    pub writes: u64,
    /// Reads answered.
    pub reads: u64,
    /// Conditions that did not hold.
    pub refused: u64,
    /// Writes of unknown outcome.
    pub unknown: u64,
    /// Calls that were surely not done.
    pub failed: u64,
}

impl Books {
    /// Empty ones.
    pub fn new(oracle: Oracle) -> Self {
        Self { oracle, tally: Tally::default(), broken: BTreeMap::new(), breaches: Vec::new() }
    }

    /// Notes a broken promise, if there is one. Whether all is well.
    pub fn note(&mut self, outcome: Result<(), Breach>) -> bool {
        let Err(breach) = outcome else { return true };
        *self.broken.entry(breach.index).or_default() |= breach.is_lost;
        if self.breaches.len() < BREACHES_SHOWN {
            self.breaches.push(breach);
        }
        false
    }

    /// Objects that were acknowledged and are not there.
    pub fn lost(&self) -> u64 {
        self.broken.values().filter(|is_lost| **is_lost).count() as u64
    }

    /// Objects that showed what they must not.
    pub fn wrong(&self) -> u64 {
        self.broken.len() as u64 - self.lost()
    }

    /// The first broken promises.
    pub fn breaches(&self) -> &[Breach] {
        &self.breaches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_counted_once() {
        let mut books = Books::new(Oracle::new(3));
        let breach = |index, is_lost| Err(Breach { index, is_lost, what: String::new() });
        for outcome in [breach(0, false), breach(0, true), breach(1, false), breach(1, false)] {
            assert!(!books.note(outcome));
        }
        assert!(books.note(Ok(())));
        assert_eq!((books.lost(), books.wrong()), (1, 1));
        assert_eq!(books.breaches().len(), 4);
    }
}
