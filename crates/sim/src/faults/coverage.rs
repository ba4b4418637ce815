//! Which faults really happened, and what the cluster was at.

use super::{Kind, Step};
use std::collections::BTreeMap;

/// Counts of faults by kind and step. A fault that struck during several steps counts for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    pairs: BTreeMap<(Kind, Step), u64>,
    kinds: BTreeMap<Kind, u64>,
}

impl Coverage {
    /// A fault struck.
    pub fn struck(&mut self, kind: Kind, steps: impl IntoIterator<Item = Step>) {
        *self.kinds.entry(kind).or_default() += 1;
        for step in steps {
            *self.pairs.entry((kind, step)).or_default() += 1;
        }
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        for (kind, count) in &other.kinds {
            *self.kinds.entry(*kind).or_default() += count;
        }
        for (pair, count) in &other.pairs {
            *self.pairs.entry(*pair).or_default() += count;
        }
    }

    /// How often a kind struck.
    #[must_use]
    pub fn of(&self, kind: Kind) -> u64 {
        self.kinds.get(&kind).copied().unwrap_or(0)
    }

    /// How often it struck during this step.
    #[must_use]
    pub fn at(&self, kind: Kind, step: Step) -> u64 {
        self.pairs.get(&(kind, step)).copied().unwrap_or(0)
    }

    /// How often any kind struck during this step.
    #[must_use]
    pub fn during(&self, step: Step) -> u64 {
        Kind::ALL.into_iter().map(|kind| self.at(kind, step)).sum()
    }

    /// Faults in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.kinds.values().sum()
    }

    /// The pairs that never happened, and could have.
    pub fn missing(&self) -> impl Iterator<Item = (Kind, Step)> + '_ {
        let pairs = Kind::ALL.into_iter().flat_map(|kind| Step::ALL.map(|step| (kind, step)));
        pairs.filter(|(kind, step)| self.at(*kind, *step) == 0 && Self::excused(*kind, *step).is_none())
    }

    /// Why a pair can't happen, if it can't.
    #[must_use]
    pub fn excused(kind: Kind, step: Step) -> Option<&'static str> {
        match (kind, step) {
            (Kind::KillStarting, Step::Quiet) => {
                Some("the server that it hits is just starting: some server is enlisting")
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_counts_once_and_for_each_of_its_steps() {
        let mut coverage = Coverage::default();
        let none = coverage.missing().count();
        coverage.struck(Kind::Kill, [Step::Replay, Step::Restore]);
        let mut sum = coverage.clone();
        sum.add(&coverage);
        assert_eq!((sum.of(Kind::Kill), sum.total()), (2, 2));
        assert_eq!((sum.at(Kind::Kill, Step::Replay), sum.at(Kind::Kill, Step::Quiet)), (2, 0));
        assert_eq!((sum.during(Step::Restore), sum.missing().count()), (2, none - 2));
    }
}
