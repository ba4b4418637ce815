//! What has to wait until every call that was issued before it has run.

use std::collections::{BTreeMap, VecDeque};

/// Calls that run or wait to, in rounds; a new round begins behind everything that waits.
pub(super) struct Rounds<W> {
    current: u64,
    /// Calls of each round that have not run yet; none are left out.
    unfinished: BTreeMap<u64, usize>,
    /// Each with the last round it waits for.
    waiting: VecDeque<(u64, W)>,
}

impl<W> Default for Rounds<W> {
    fn default() -> Self {
        Self { current: 0, unfinished: BTreeMap::new(), waiting: VecDeque::new() }
    }
}

impl<W> Rounds<W> {
    /// A call is issued. Its round is to be given back with [`Rounds::leave`].
    pub(super) fn enter(&mut self) -> u64 {
        *self.unfinished.entry(self.current).or_default() += 1;
        self.current
    }

    /// A call of this round has run.
    pub(super) fn leave(&mut self, round: u64) {
        let calls = self.unfinished.get_mut(&round).expect("it was entered");
        *calls -= 1;
        if *calls == 0 {
            self.unfinished.remove(&round);
        }
    }

    /// Puts it behind everything that was issued so far, and what waits already.
    pub(super) fn wait(&mut self, what: W) {
        self.waiting.push_back((self.current, what));
        self.current += 1;
    }

    /// Whose turn has come, in order.
    pub(super) fn due(&mut self) -> Vec<W> {
        let oldest = self.unfinished.keys().next().copied().unwrap_or(u64::MAX);
        let due = self.waiting.iter().take_while(|(round, _)| *round < oldest).count();
        self.waiting.drain(..due).map(|(_, what)| what).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_waits_for_what_was_issued_before_it_and_for_nothing_else() {
        let mut rounds = Rounds::default();
        rounds.wait("at once");
        assert_eq!(rounds.due(), ["at once"]);
        let (a, b) = (rounds.enter(), rounds.enter());
        rounds.wait("after a and b");
        let c = rounds.enter();
        rounds.wait("after c");
        let _later = rounds.enter();
        rounds.leave(c);
        rounds.leave(a);
        assert!(rounds.due().is_empty());
        rounds.leave(b);
        assert_eq!(rounds.due(), ["after a and b", "after c"]);
        assert!(rounds.due().is_empty());
    }
}
