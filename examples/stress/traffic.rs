//! Clients that call all the time, each call drawn.

use crate::{
    checked::{self, Drawn, Index, SplitMix, Values, draw},
    objects::Objects,
};
use futures_util::FutureExt;
use rekindle::{
    env::{Env, Task},
    types::{KeyHash, KeyRange},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Calls a table.
pub type Caller = checked::Caller<Objects>;

/// Keys of each table that every client likes most: they are contended.
const HOT: u64 = 16;
/// Of a hundred calls so many go to one of those.
const HOT_SHARE: u64 = 25;
/// Pieces of the hash range, of which a scan lists one.
const SCAN_PIECES: u32 = 32;
/// What could not be begun in this time is not made up for.
const LATE_MAX: Duration = Duration::from_millis(200);

/// A table as one client calls it.
#[derive(Clone)]
pub struct Target {
    /// Calls it.
    pub caller: Caller,
    /// Its keys by their hashes.
    hashes: Arc<Vec<(KeyHash, Index)>>,
}

impl Target {
    /// With the keys in the order in which scans list them.
    pub fn new(caller: Caller) -> Self {
        let mut hashes: Vec<_> = caller.objects.indexes().map(|index| (caller.hash(index), index)).collect();
        hashes.sort_unstable();
        Self { caller, hashes: Arc::new(hashes) }
    }

    /// The same table, called in another way.
    pub fn called_by(&self, caller: Caller) -> Self {
        Self { caller, hashes: self.hashes.clone() }
    }

    /// Objects whose hashes are in the range.
    pub fn indexes(&self, range: KeyRange) -> Vec<Index> {
        let from = self.hashes.partition_point(|(hash, _)| *hash < range.first());
        let within = self.hashes[from..].iter().take_while(|(hash, _)| *hash <= range.last());
        within.map(|(_, index)| *index).collect()
    }
}

/// All workers. They stop when this is dropped; [`Traffic::stop`] lets their calls end.
#[derive(Default)]
pub struct Traffic {
    stops: Arc<AtomicBool>,
    tasks: Vec<Task>,
}

impl Traffic {
    /// One more client: so many workers, that begin a call every `pace`, or as soon as the last one has ended.
    pub fn add(&mut self, env: &Env, targets: &[Target], workers: u32, pace: Option<Duration>, seed: u64) {
        for worker in 0..workers {
            let worker = Worker {
                env: env.clone(),
                targets: targets.to_vec(),
                stops: self.stops.clone(),
                pace,
                rng: SplitMix(SplitMix(seed ^ (u64::from(worker) << 32)).next()),
            };
            self.tasks.push(env.spawn.spawn("worker", worker.run().boxed()));
        }
    }

    /// One more task, which ends soon after what it is given is set.
    pub fn start<F>(&mut self, env: &Env, name: &'static str, task: impl FnOnce(Arc<AtomicBool>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.push(env.spawn.spawn(name, task(self.stops.clone()).boxed()));
    }

    /// Begins no more calls, and waits for those under way.
    pub async fn stop(mut self) {
        // Only a sign to stop: nothing is read on the strength of it.
        self.stops.store(true, Ordering::Relaxed);
        for task in self.tasks.drain(..) {
            task.join().await;
        }
    }
}

struct Worker {
    env: Env,
    targets: Vec<Target>,
    stops: Arc<AtomicBool>,
    pace: Option<Duration>,
    rng: SplitMix,
}

impl Worker {
    async fn run(mut self) {
        let pace = self.pace.unwrap_or_default();
        let mut due =
            self.env.clock.now() + Duration::from_nanos(self.rng.below(pace.as_nanos().max(1) as u64));
        while !self.stops.load(Ordering::Relaxed) {
            if self.pace.is_some() {
                self.env.clock.sleep_until(due).await;
                let now = self.env.clock.now();
                due = if now.since(due) > LATE_MAX { now } else { due } + pace;
            }
            self.call().await;
        }
    }

    async fn call(&mut self) {
        let at = self.rng.below(self.targets.len() as u64) as usize;
        let target = self.targets[at].clone();
        let caller = &target.caller;
        match self.rng.below(100) {
            0..40 => _ = caller.read(self.choose(caller)).await,
            40..80 => {
                let index = self.choose(caller);
                let settled = caller.books.lock().oracle.settled(index);
                match draw(&mut self.rng, settled) {
                    Drawn::Put(condition) => caller.put(index, condition).await,
                    Drawn::Delete(condition) => caller.delete(index, condition).await,
                }
            }
            80..88 => caller.multi_get(&self.choose_some(caller, 24)).await,
            88..98 => _ = caller.multi_put(&self.choose_some(caller, 12)).await,
            _ => {
                let pieces: Vec<_> = KeyRange::FULL.split_even(SCAN_PIECES);
                let range = pieces[self.rng.below(pieces.len() as u64) as usize];
                caller.scan(range, &target.indexes(range)).await;
            }
        }
    }

    fn choose(&mut self, caller: &Caller) -> Index {
        let all = caller.objects.count();
        let among = if self.rng.below(100) < HOT_SHARE { HOT.min(all) } else { all };
        self.rng.below(among) as Index
    }

    /// Some different ones.
    fn choose_some(&mut self, caller: &Caller, most: u64) -> Vec<Index> {
        let count = 2 + self.rng.below(most - 1);
        let mut some: Vec<Index> = (0..count).map(|_| self.choose(caller)).collect();
        some.sort_unstable();
        some.dedup();
        some
    }
}
