//! Driving passes as memory runs short.

use super::{Budget, CleanerConfig, Pass, Passed, Wish, balance, choose_segments, is_short};
use crate::LogError;
use crate::store::Store;
use futures_util::future::{Either, pending, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use rekindle_env::{Env, Time};
use rekindle_types::SegmentId;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Cleans the log of a store.
pub struct Cleaner {
    store: Arc<Store>,
    config: CleanerConfig,
    /// Statistics, Relaxed.
    passes: AtomicU64,
    victims: AtomicU64,
    survivors: AtomicU64,
    moved_bytes: AtomicU64,
    under_way: AtomicU64,
}

/// What a cleaner has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CleanerStats {
    /// Passes that were committed.
    pub passes: u64,
    /// Segments that have left the log by them.
    pub victims: u64,
    /// Segments that have come instead.
    pub survivors: u64,
    /// Bytes of entries that were moved, by passes under way too.
    pub moved_bytes: u64,
    /// Passes under way.
    pub under_way: u64,
}

impl CleanerStats {
    /// Bytes moved for each byte that was won, ends of segments included: 4 when what was cleaned was 80 % alive.
    /// Nothing before anything was won.
    #[must_use]
    pub fn cost(&self) -> Option<f64> {
        let won = self.victims.checked_sub(self.survivors).filter(|won| *won > 0)?;
        Some(self.survivors as f64 / won as f64)
    }
}

impl Cleaner {
    /// For a store whose log has [segments for survivors](crate::LogConfig::cleaned).
    #[must_use]
    pub fn new(store: Arc<Store>, config: CleanerConfig) -> Arc<Self> {
        let (passes, victims, survivors, moved_bytes, under_way) = Default::default();
        Arc::new(Self { store, config, passes, victims, survivors, moved_bytes, under_way })
    }

    /// What was done so far.
    #[must_use]
    pub fn stats(&self) -> CleanerStats {
        CleanerStats {
            passes: self.passes.load(Ordering::Relaxed),
            victims: self.victims.load(Ordering::Relaxed),
            survivors: self.survivors.load(Ordering::Relaxed),
            moved_bytes: self.moved_bytes.load(Ordering::Relaxed),
            under_way: self.under_way.load(Ordering::Relaxed),
        }
    }

    /// The segments that the next pass would take, while so many are under way.
    #[must_use]
    pub fn choose(&self, passes: u32) -> Vec<SegmentId> {
        match balance(self.store.log().memory_use(), passes, &self.config) {
            Wish::Rest => Vec::new(),
            Wish::Clean(budget) => self.choose_within(budget),
        }
    }

    fn choose_within(&self, budget: Budget) -> Vec<SegmentId> {
        choose_segments(&self.store.log().cleanable(), self.store.now(), budget)
    }

    /// Cleans until the log fails, and returns why. To be run once, by whoever assembles the store. Walks and moves are
    /// heavy work of `env`, in slices. When the future is dropped, passes that have moved entries come to their end as
    /// [`Pass`] says.
    pub async fn run(self: Arc<Self>, env: Env) -> LogError {
        let log = Arc::clone(self.store.log());
        let mut passes = FuturesUnordered::new();
        let mut rests_until = env.clock.now();
        loop {
            let is_rested = env.clock.now() >= rests_until;
            let chosen = if is_rested { self.choose(passes.len() as u32) } else { Vec::new() };
            if !chosen.is_empty() {
                passes.push(self.pass(&env, chosen));
            }
            self.under_way.store(passes.len() as u64, Ordering::Relaxed);
            let ended = async {
                match passes.next().await {
                    Some(ended) => ended,
                    None => pending().await,
                }
            };
            let pressed = pin!(log.pressed());
            let looks_again = select(pressed, env.clock.sleep(self.config.idle_for));
            match select(pin!(ended), looks_again).await {
                Either::Left((Ok(Some(passed)), _)) => self.count(passed),
                // Nothing was won: for a while that stays so.
                Either::Left((Ok(None), _)) => rests_until = env.clock.now() + self.config.idle_for,
                Either::Left((Err(error), _)) => return error,
                Either::Right(_) => {}
            }
            if let Some(error) = log.failed() {
                return error.into();
            }
        }
    }

    fn count(&self, passed: Passed) {
        self.passes.fetch_add(1, Ordering::Relaxed);
        self.victims.fetch_add(passed.victims.into(), Ordering::Relaxed);
        self.survivors.fetch_add(passed.survivors.into(), Ordering::Relaxed);
    }

    /// One pass over these segments. `None` when nothing could be won.
    async fn pass(&self, env: &Env, segments: Vec<SegmentId>) -> Result<Option<Passed>, LogError> {
        let store = Arc::clone(&self.store);
        let begun = env.spawn.compute("cleaner", move || Pass::begin(&store, &segments)).await;
        let Some(mut pass) = begun.flatten() else { return Ok(None) };
        let (entries, bytes) = (self.config.slice_entries, self.config.slice_bytes);
        let mut free_at = env.clock.now();
        loop {
            let before = pass.moved_bytes();
            let stepped = env.spawn.compute("cleaner", move || {
                let result = pass.step_within(entries, bytes);
                (pass, result)
            });
            let Some((same, result)) = stepped.await else { return Ok(None) };
            pass = same;
            let moved = pass.moved_bytes() - before;
            self.moved_bytes.fetch_add(moved, Ordering::Relaxed);
            match result {
                Ok(true) => break,
                Ok(false) => {
                    free_at = free_at.max(env.clock.now()) + self.time_for(moved);
                    self.pause(env, free_at).await;
                }
                Err(LogError::Full { .. } | LogError::Busy { .. }) => {
                    env.clock.sleep(self.config.idle_for).await;
                }
                Err(error) => return Err(error),
            }
        }
        self.wait(env, pass.commit()?).await.map(Some)
    }

    /// What a pass has for so many bytes, when others are under way too.
    fn time_for(&self, bytes: u64) -> Duration {
        let share = (self.config.bytes_per_second / u64::from(self.config.passes_max.max(1))).max(1);
        Duration::from_secs_f64(bytes as f64 / share as f64)
    }

    /// Waits while others come first: not when memory is short, or becomes so.
    async fn pause(&self, env: &Env, until: Time) {
        while env.clock.now() < until && !is_short(&self.store.log().memory_use()) {
            env.clock.sleep(until.since(env.clock.now()).min(self.config.idle_for)).await;
        }
    }

    /// Survivors join the log with the next head. When none comes, one is made for them.
    async fn wait(
        &self,
        env: &Env,
        commit: impl Future<Output = Result<Passed, LogError>>,
    ) -> Result<Passed, LogError> {
        let mut commit = pin!(commit);
        loop {
            let patience = env.clock.sleep(self.config.patience);
            match select(commit.as_mut(), patience).await {
                Either::Left((passed, _)) => return passed,
                Either::Right(_) => self.store.log().finish_cleaning(),
            }
        }
    }
}
