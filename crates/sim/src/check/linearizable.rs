//! Is there an order of the calls on a key, each between its beginning and its end, that explains every answer?
//!
//! Wing and Gong, *Testing and Verifying Concurrent Objects* (JPDC 1993), with the memory of Lowe, *Testing for
//! Linearizability* (CCPE 2017): a set of calls done that led to the same state before is not tried again.

use super::Register;
use crate::history::{Ask, Call, Told};
use std::collections::BTreeSet;

/// Most steps of a search: beyond, the history is too wide to be decided.
pub const STEPS_MAX: u64 = 2_000_000;

/// Why a history was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotLinearizable {
    /// No order explains it.
    #[error("no order of calls explains the answers: after {done} of {of} known ones, with {state}, none of these can come next:\n    {}", next.join("\n    "))]
    NoOrder {
        /// Calls with an answer that the longest explanation covers.
        done: usize,
        /// Calls with an answer.
        of: usize,
        /// The key's state after them.
        state: String,
        /// The calls that stood at this point.
        next: Vec<String>,
    },
    /// More than [`STEPS_MAX`] steps: let clients share fewer keys, or fewer calls go unanswered.
    #[error("undecided after {STEPS_MAX} steps: {0} calls")]
    Undecided(usize),
}

/// Checks the calls on one key, in the order in which they began.
///
/// # Errors
/// When no order of them explains the answers, or the search takes too long.
pub fn check_linearizable(calls: &[Call]) -> Result<(), NotLinearizable> {
    let matter = |call: &&Call| match call.told {
        Told::NotDone => false,
        Told::Unknown => call.may_have_written(),
        _ => true,
    };
    let calls: Vec<Call> = calls.iter().filter(matter).map(|call| as_seen(call, calls)).collect();
    Search::new(&calls).run()
}

/// A write of unknown outcome whose value was seen was done, before whoever saw it first was told.
fn as_seen(call: &Call, all: &[Call]) -> Call {
    let mut call = call.clone();
    let (Ask::Put { value, .. }, Told::Unknown) = (call.ask, call.told) else { return call };
    let seen = all.iter().filter_map(|other| match other.told {
        Told::Saw(Some((seen, version))) if seen == value => Some((other.to?, version)),
        _ => None,
    });
    if let Some((to, version)) = seen.min_by_key(|(to, _)| *to) {
        (call.told, call.to) = (Told::Wrote(version), Some(to));
    }
    call
}

/// For each call of unknown outcome the last one before it that asks for the same. Nobody saw what either wrote: in any
/// order of the calls they may change places, but for the later one's not coming before it was asked. So the earlier one
/// goes first, and of n alike n + 1 sets are tried instead of 2^n.
fn twins(calls: &[Call]) -> Vec<Option<usize>> {
    let is_alike = |one: &Call, other: &Call| match (one.ask, other.ask) {
        (Ask::Put { condition: a, .. }, Ask::Put { condition: b, .. })
        | (Ask::Delete { condition: a }, Ask::Delete { condition: b }) => a == b,
        _ => false,
    };
    let twin = |(index, call): (usize, &Call)| {
        let unknown = |other: &Call| other.to.is_none() && is_alike(other, call);
        call.to.is_none().then(|| calls[..index].iter().rposition(unknown)).flatten()
    };
    calls.iter().enumerate().map(twin).collect()
}

/// Depth first over the orders that time allows.
struct Search<'a> {
    calls: &'a [Call],
    twins: Vec<Option<usize>>,
    done: Set,
    state: Register,
    path: Vec<Step>,
    /// Sets of calls and the state that they led to.
    tried: BTreeSet<(Set, Register)>,
    longest: Option<Explained>,
}

struct Step {
    /// What was tried, in the order of [`Search::next`].
    choice: usize,
    before: Register,
    /// It changed nothing and could come now: whatever explains the rest explains it with this call here.
    is_free: bool,
}

/// The longest explanation so far.
struct Explained {
    known: usize,
    done: Set,
    state: Register,
}

impl<'a> Search<'a> {
    fn new(calls: &'a [Call]) -> Self {
        let (twins, done) = (twins(calls), Set::new(calls.len()));
        let (state, path, tried) = (Register::default(), Vec::new(), BTreeSet::new());
        Self { calls, twins, done, state, path, tried, longest: None }
    }

    fn run(mut self) -> Result<(), NotLinearizable> {
        let of = self.calls.iter().filter(|call| call.to.is_some()).count();
        let (mut from, mut steps) = (0, 0);
        loop {
            let known = self.known_done();
            if known == of {
                return Ok(());
            }
            if self.longest.as_ref().is_none_or(|longest| known > longest.known) {
                self.longest = Some(Explained { known, done: self.done.clone(), state: self.state });
            }
            steps += 1;
            if steps > STEPS_MAX {
                return Err(NotLinearizable::Undecided(self.calls.len()));
            }
            match self.next(from) {
                Some((choice, after)) => {
                    let is_free = after == self.state;
                    self.path.push(Step { choice, before: self.state, is_free });
                    self.done.insert(self.index(choice));
                    self.state = after;
                    from = 0;
                }
                None => match self.back() {
                    Some(choice) => from = choice + 1,
                    None => return Err(self.no_order(of)),
                },
            }
        }
    }

    /// Choices are all known calls first, then all unknown ones: most histories are explained without these.
    fn index(&self, choice: usize) -> usize {
        choice % self.calls.len()
    }

    /// The first choice from `from` on that can come next, and leads to something new.
    fn next(&mut self, from: usize) -> Option<(usize, Register)> {
        let deadline = self.deadline();
        for choice in from..2 * self.calls.len() {
            let (index, wants_known) = (self.index(choice), choice < self.calls.len());
            let call = &self.calls[index];
            let may = call.from.order < deadline && call.to.is_some() == wants_known;
            let waits = self.twins[index].is_some_and(|twin| !self.done.has(twin));
            if !may || waits || self.done.has(index) {
                continue;
            }
            let Some(after) = self.state.after(call) else { continue };
            // Without an effect it may come later, and have one, or never.
            if !wants_known && after == self.state {
                continue;
            }
            let mut done = self.done.clone();
            done.insert(index);
            if self.tried.insert((done, after)) {
                return Some((choice, after));
            }
        }
        None
    }

    /// What began later than this has to wait for a call that is not done.
    fn deadline(&self) -> u64 {
        let open = self.calls.iter().enumerate().filter(|(index, _)| !self.done.has(*index));
        open.filter_map(|(_, call)| call.to).map(|to| to.order).min().unwrap_or(u64::MAX)
    }

    /// Takes the last step back that had a choice.
    fn back(&mut self) -> Option<usize> {
        loop {
            let step = self.path.pop()?;
            self.done.remove(self.index(step.choice));
            self.state = step.before;
            if !step.is_free {
                return Some(step.choice);
            }
        }
    }

    fn known_done(&self) -> usize {
        self.path.iter().filter(|step| step.choice < self.calls.len()).count()
    }

    fn no_order(mut self, of: usize) -> NotLinearizable {
        let Explained { known, done, state } = self.longest.take().expect("the empty explanation, at least");
        self.done = done;
        let deadline = self.deadline();
        let open = self.calls.iter().enumerate().filter(|(index, _)| !self.done.has(*index));
        let next = open.filter(|(_, call)| call.from.order < deadline).map(|(_, call)| call.to_string());
        let (next, state) = (next.collect(), format!("{state:?}"));
        NotLinearizable::NoOrder { done: known, of, state, next }
    }
}

/// A set of calls, by index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Set(Vec<u64>);

impl Set {
    fn new(calls: usize) -> Self {
        Self(vec![0; calls.div_ceil(64)])
    }

    fn has(&self, index: usize) -> bool {
        self.0[index / 64] >> (index % 64) & 1 == 1
    }

    fn insert(&mut self, index: usize) {
        self.0[index / 64] |= 1 << (index % 64);
    }

    fn remove(&mut self, index: usize) {
        self.0[index / 64] &= !(1 << (index % 64));
    }
}
