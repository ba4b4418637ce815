//! Closed loops of puts: so many outstanding, each that is answered is followed by another, for a given time.

use crate::measure::{KEY_BYTES, Random, key};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Keys that are overwritten, at random.
pub const KEYS: u64 = 100_000;

/// What came of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Puts {
    pub per_second: f64,
    pub p50_us: f64,
    pub p99_us: f64,
}

impl Puts {
    /// From the latencies of all puts of a run.
    pub fn of(mut latencies: Vec<u32>, seconds: f64) -> Self {
        latencies.sort_unstable();
        let at = |share: f64| {
            let at = (latencies.len() as f64 * share) as usize;
            latencies.get(at).copied().unwrap_or_default() as f64 / 1e3
        };
        Self { per_second: latencies.len() as f64 / seconds, p50_us: at(0.5), p99_us: at(0.99) }
    }

    /// The median of each figure.
    pub fn median(rounds: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| crate::measure::median(rounds.iter().map(figure).collect());
        Self { per_second: of(|r| r.per_second), p50_us: of(|r| r.p50_us), p99_us: of(|r| r.p99_us) }
    }
}

/// What the loops of one run share.
#[derive(Clone)]
pub struct Run {
    start: Instant,
    length: Duration,
    /// Draws keys; nothing hangs on the order, so relaxed.
    drawn: Arc<AtomicU64>,
}

impl Run {
    pub fn new(length: Duration) -> Self {
        Self { start: Instant::now(), length, drawn: Arc::new(AtomicU64::new(1)) }
    }

    pub fn is_over(&self) -> bool {
        self.start.elapsed() >= self.length
    }

    pub fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    pub fn key(&self) -> [u8; KEY_BYTES] {
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        key((Random(drawn).next() % KEYS) as usize)
    }
}

/// The latencies of one loop.
#[derive(Default)]
pub struct Latencies(pub Vec<u32>);

impl Latencies {
    /// `puts` were begun at `start` and are answered now.
    pub fn add(&mut self, start: Instant, puts: usize) {
        let nanos = u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX);
        self.0.extend(std::iter::repeat_n(nanos, puts));
    }
}
