//! When every tablet of dead servers answers again, as a client sees it.

use super::Caller;
use crate::checked::Index;
use futures_util::{FutureExt, future::join_all};
use parking_lot::Mutex;
use rekindle::{
    env::{Env, Task, Time},
    types::KeyRange,
};
use std::{sync::Arc, time::Duration};

/// Keys that are asked for in what one server owned: finer than its partitions.
const PROBES: u32 = 64;
/// A tablet that has no object in so many tries has none.
const TRIES_MAX: u64 = 1 << 22;
/// After a read without an answer.
const PAUSE: Duration = Duration::from_millis(5);

/// Known keys, spread evenly over the ranges of one dead server.
#[derive(Clone, Debug)]
pub struct Probes {
    /// What the server owned.
    pub ranges: Vec<KeyRange>,
    indexes: Vec<Index>,
}

impl Probes {
    /// Chooses keys: before the kill, since it takes a while.
    pub fn choose(caller: &Caller, ranges: Vec<KeyRange>) -> Self {
        let pieces = PROBES.div_ceil(ranges.len().max(1) as u32);
        let wanted = ranges.iter().flat_map(|range| range.split_even(pieces)).collect();
        let indexes = one_in_each(caller, wanted);
        Self { ranges, indexes }
    }

    /// Starts to ask for all of them, each until it answers.
    pub fn start(self, caller: &Caller, env: &Env) -> Served {
        let state = Arc::new(Mutex::new(State { asked: self.indexes.len(), ..State::default() }));
        let (caller, clock, shared) = (caller.clone(), env.clock.clone(), state.clone());
        let indexes = self.indexes.clone();
        let ask = async move {
            let reads = indexes.iter().map(|index| async {
                while !caller.read(*index).await {
                    clock.sleep(PAUSE).await;
                }
                let state = &mut *shared.lock();
                state.answered += 1;
                state.last = clock.now();
            });
            join_all(reads).await;
        };
        Served { probes: self, state, _task: env.spawn.spawn("probe", ask.boxed()) }
    }

    /// Parts of these tablets' ranges that none of the keys is in: what a recovery made smaller than the probes.
    pub fn missing(&self, caller: &Caller, tablets: &[KeyRange]) -> Option<Self> {
        let is_mine = |range: &KeyRange| self.ranges.iter().any(|mine| mine.intersection(*range).is_some());
        let hashes: Vec<_> = self.indexes.iter().map(|index| caller.hash(*index)).collect();
        let is_probed = |range: &KeyRange| hashes.iter().any(|hash| range.contains(*hash));
        let bare: Vec<_> =
            tablets.iter().copied().filter(|range| is_mine(range) && !is_probed(range)).collect();
        let indexes = one_in_each(caller, bare.clone());
        (!indexes.is_empty()).then_some(Self { ranges: bare, indexes })
    }
}

/// An object in each of the ranges, as far as there is one.
fn one_in_each(caller: &Caller, mut wanted: Vec<KeyRange>) -> Vec<Index> {
    let mut found = Vec::new();
    for index in caller.objects.indexes().take(TRIES_MAX as usize) {
        if wanted.is_empty() {
            break;
        }
        let hash = caller.hash(index);
        if let Some(at) = wanted.iter().position(|range| range.contains(hash)) {
            wanted.swap_remove(at);
            found.push(index);
        }
    }
    found
}

/// Probes under way.
pub struct Served {
    /// What is asked for.
    pub probes: Probes,
    state: Arc<Mutex<State>>,
    _task: Task,
}

#[derive(Default)]
struct State {
    asked: usize,
    answered: usize,
    last: Time,
}

impl Served {
    /// How many have answered, of how many.
    pub fn progress(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.answered, state.asked)
    }

    /// When the last one answered, once all have.
    pub fn at(&self) -> Option<Time> {
        let state = self.state.lock();
        (state.answered == state.asked).then_some(state.last)
    }
}
