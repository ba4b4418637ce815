//! Visits every state of a model once.

use rekindle_backup::testing::{Model, Move};
use std::{
    collections::HashSet,
    fmt,
    hash::{BuildHasherDefault, Hasher},
};
use xxhash_rust::xxh3::xxh3_128;

/// Fingerprints are hashes already.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("fingerprints are written as u128")
    }

    fn write_u128(&mut self, fingerprint: u128) {
        self.0 = fingerprint as u64;
    }
}

/// What a search saw.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub states: u64,
    pub transitions: u64,
    /// States in which nothing was due any more.
    pub at_rest: u64,
    pub depth: usize,
    /// Every reachable state was visited.
    pub is_full: bool,
}

/// How a state goes wrong that should not exist.
pub struct Counterexample {
    pub wrong: String,
    pub moves: Vec<Move>,
    pub seen: Seen,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, transitions, at_rest, depth, is_full } = self;
        let extent = if *is_full { "in full" } else { "cut off" };
        write!(f, "{states} states {extent}, {transitions} transitions, {at_rest} at rest, depth {depth}")
    }
}

impl fmt::Debug for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} after {} moves ({})", self.wrong, self.moves.len(), self.seen)?;
        self.moves.iter().try_for_each(|what| writeln!(f, "  {what:?}"))
    }
}

/// The fingerprints met so far.
#[derive(Default)]
struct Visited {
    set: HashSet<u128, BuildHasherDefault<Identity>>,
    words: Vec<u32>,
    bytes: Vec<u8>,
}

impl Visited {
    fn is_new(&mut self, model: &Model) -> bool {
        self.words.clear();
        self.bytes.clear();
        model.encode(&mut self.words);
        self.bytes.extend(self.words.iter().flat_map(|word| word.to_le_bytes()));
        self.set.insert(xxh3_128(&self.bytes))
    }
}

/// States between two lines about the progress of a long search.
const STATES_PER_LINE: u64 = 500_000;

/// What has to hold in every state.
fn check(model: &Model, seen: &mut Seen) -> Result<(), String> {
    seen.states += 1;
    if seen.states.is_multiple_of(STATES_PER_LINE) {
        println!("so far {}: {seen}", model.config());
    }
    model.check()?;
    if model.due_moves().is_empty() {
        seen.at_rest += 1;
        model.check_settled()?;
    }
    Ok(())
}

/// Depth first, with little memory, until all states or `states_max` were visited.
pub fn depth_first(start: Model, states_max: u64) -> Result<Seen, Counterexample> {
    let (mut visited, mut seen) = (Visited::default(), Seen::default());
    visited.is_new(&start);
    let moves = start.moves();
    let mut path: Vec<(Model, Vec<Move>, Option<Move>)> = vec![(start, moves, None)];
    while let Some((model, moves, _)) = path.last_mut() {
        let Some(next) = moves.pop() else {
            path.pop();
            continue;
        };
        let mut model = model.clone();
        model.make(next);
        seen.transitions += 1;
        if !visited.is_new(&model) {
            continue;
        }
        if let Err(wrong) = check(&model, &mut seen) {
            let made = path.iter().filter_map(|(_, _, what)| *what);
            return Err(Counterexample { wrong, moves: made.chain([next]).collect(), seen });
        }
        if seen.states >= states_max {
            return Ok(seen);
        }
        let moves = model.moves();
        path.push((model, moves, Some(next)));
        seen.depth = seen.depth.max(path.len());
    }
    Ok(Seen { is_full: true, ..seen })
}

#[cfg(feature = "mutations")]
/// Breadth first: what it finds is as short as can be.
pub fn breadth_first(
    start: Model,
    states_max: u64,
    also: impl Fn(&Model) -> Result<(), String>,
) -> Result<Seen, Counterexample> {
    let (mut visited, mut seen) = (Visited::default(), Seen::default());
    visited.is_new(&start);
    // Of every state: the one before it, and the move between.
    let mut origins: Vec<(u32, Option<Move>)> = vec![(0, None)];
    let mut level = vec![(start, 0u32)];
    while !level.is_empty() {
        seen.depth += 1;
        let mut next_level = Vec::new();
        for (model, at) in &level {
            for what in model.moves() {
                let mut next = model.clone();
                next.make(what);
                seen.transitions += 1;
                if !visited.is_new(&next) {
                    continue;
                }
                origins.push((*at, Some(what)));
                if let Err(wrong) = check(&next, &mut seen).and_then(|()| also(&next)) {
                    let moves = path_to(&origins, origins.len() - 1);
                    return Err(Counterexample { wrong, moves, seen });
                }
                if seen.states >= states_max {
                    return Ok(seen);
                }
                next_level.push((next, origins.len() as u32 - 1));
            }
        }
        level = next_level;
    }
    Ok(Seen { is_full: true, ..seen })
}

#[cfg(feature = "mutations")]
fn path_to(origins: &[(u32, Option<Move>)], mut at: usize) -> Vec<Move> {
    let mut moves = Vec::new();
    while let (before, Some(what)) = origins[at] {
        moves.push(what);
        at = before as usize;
    }
    moves.reverse();
    moves
}
