//! Clients that write and read all the time, at a fixed rate: they wait for nobody.

use super::Caller;
use crate::checked::{Drawn, Index, Seen, SplitMix, Values, draw};
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, Either, pending, select},
    stream::FuturesUnordered,
};
use rekindle::env::{Env, Task, Time};
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Calls are begun so often. Fewer wake-ups than one per call.
const TICK: Duration = Duration::from_millis(2);
/// What could not be begun in this time is not made up for: this process got no time itself.
const LATE_MAX: Duration = Duration::from_millis(100);
/// Ranges of keys with a limit each, so that those of a dead server hold up no others.
const GROUPS: usize = 64;
/// Calls under way in one of them; while there are so many, its calls are left out.
const GROUP_CALLS: u32 = 16;
/// Writers remember so many objects that they deleted, to make some of them again.
const DELETED_MAX: usize = 64;

/// Reads and writes of a whole run. Stops when dropped; [`Traffic::stop`] lets calls end.
pub struct Traffic {
    stops: Arc<AtomicBool>,
    tasks: Vec<Task>,
}

#[derive(Clone, Copy)]
enum Kind {
    Read,
    Write,
}

impl Traffic {
    /// Starts readers and writers at so many calls a second.
    pub fn start(caller: &Caller, env: &Env, seed: u64, reads: u32, writes: u32) -> Self {
        let stops = Arc::new(AtomicBool::new(false));
        let spawn = |(kind, rate): (Kind, u32)| {
            let rng = SplitMix(SplitMix(seed).next() ^ u64::from(rate));
            let pacer = Pacer {
                caller: caller.clone(),
                env: env.clone(),
                stops: stops.clone(),
                kind,
                rate,
                rng,
                groups: [0; GROUPS],
                deleted: VecDeque::new(),
            };
            env.spawn.spawn("traffic", pacer.run().boxed())
        };
        let tasks = [(Kind::Read, reads), (Kind::Write, writes)].into_iter().map(spawn).collect();
        Self { stops, tasks }
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

struct Pacer {
    caller: Caller,
    env: Env,
    stops: Arc<AtomicBool>,
    kind: Kind,
    rate: u32,
    rng: SplitMix,
    groups: [u32; GROUPS],
    deleted: VecDeque<Index>,
}

impl Pacer {
    async fn run(mut self) {
        let mut calls: FuturesUnordered<BoxFuture<'static, usize>> = FuturesUnordered::new();
        // So that it is never empty, which would look like its end.
        calls.push(pending().boxed());
        let mut due = self.env.clock.now();
        while !self.stops.load(Ordering::Relaxed) {
            due = self.begin(due, &mut calls);
            let mut tick = self.env.clock.sleep(TICK);
            while let Either::Left((Some(group), rest)) = select(calls.next(), tick).await {
                self.groups[group] -= 1;
                tick = rest;
            }
        }
        while calls.len() > 1 {
            calls.next().await;
        }
    }

    /// Begins the calls that are due. When the next one is.
    fn begin(&mut self, mut due: Time, calls: &mut FuturesUnordered<BoxFuture<'static, usize>>) -> Time {
        let now = self.env.clock.now();
        if now.since(due) > LATE_MAX {
            due = now;
        }
        while due <= now {
            due = due + Duration::from_secs(1) / self.rate;
            let index = self.choose();
            let group = (self.caller.hash(index).0 >> 58) as usize;
            if self.groups[group] >= GROUP_CALLS {
                continue;
            }
            self.groups[group] += 1;
            let call = match self.kind {
                Kind::Read => {
                    let caller = self.caller.clone();
                    async move { _ = caller.read(index).await }.boxed()
                }
                Kind::Write => self.write(index),
            };
            calls.push(call.map(move |()| group).boxed());
        }
        due
    }

    /// An object; for writers now and then one that they deleted.
    fn choose(&mut self) -> Index {
        let all = self.caller.objects.count();
        if matches!(self.kind, Kind::Read) {
            return self.rng.below(all) as Index;
        }
        if self.deleted.len() == DELETED_MAX || (!self.deleted.is_empty() && self.rng.below(16) == 0) {
            return self.deleted.pop_front().expect("it is not empty");
        }
        self.rng.below(all) as Index
    }

    /// A write of any kind.
    fn write(&mut self, index: Index) -> BoxFuture<'static, ()> {
        let settled = self.caller.books.lock().oracle.settled(index);
        let caller = self.caller.clone();
        match draw(&mut self.rng, settled) {
            Drawn::Put(condition) => async move { caller.put(index, condition).await }.boxed(),
            Drawn::Delete(condition) => {
                if settled != Seen::Absent {
                    self.deleted.push_back(index);
                }
                async move { caller.delete(index, condition).await }.boxed()
            }
        }
    }
}
