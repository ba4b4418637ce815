//! Watches how much memory servers take, beside how much data they hold.

use rekindle::cluster::local::Cluster;
use serde::Serialize;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Between two looks.
const EVERY: Duration = Duration::from_millis(100);
/// A server may take so much beside one and a half times its live data.
const BASE_BYTES: u64 = 128 << 20;

/// What was seen of one server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Memory {
    /// Looks at it.
    pub samples: u64,
    /// Most resident memory (VmRSS).
    pub rss_bytes_max: u64,
    /// When it was nearest to its bound of 1.5 x live data + 128 MiB: resident memory.
    pub rss_bytes: u64,
    /// The same instant: entries of objects that are alive, those of partitions that it replays among them.
    pub live_bytes: u64,
    /// The same instant: segments of its log.
    pub segments: u32,
    /// The same instant: resident memory as a share of the bound.
    pub of_bound: f64,
    /// The same instant: resident memory for each live byte.
    pub per_live_byte: f64,
    /// The same instant: seconds since the watch began.
    pub at_seconds: f64,
    /// Segments that its cleaner has moved for each one won, at the last look.
    pub cleaning_cost: Option<f64>,
    /// Segments that its cleaner has cleaned, at the last look.
    pub segments_cleaned: u64,
}

/// A thread that looks at all servers. Stops when dropped.
pub struct Watch {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<Memory>>>,
}

impl Watch {
    /// Begins to look.
    pub fn start(cluster: Arc<Cluster>) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = is_over.clone();
        let thread = thread::spawn(move || watch(&cluster, &ends));
        Self { is_over, thread: Some(thread) }
    }

    /// What was seen, by the servers' numbers.
    pub fn stop(mut self) -> Vec<Memory> {
        self.end()
    }

    fn end(&mut self) -> Vec<Memory> {
        // Only a sign to stop: nothing is read on the strength of it.
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end();
    }
}

fn watch(cluster: &Cluster, is_over: &AtomicBool) -> Vec<Memory> {
    let mut seen = vec![Memory::default(); cluster.config().servers as usize];
    let began = Instant::now();
    while !is_over.load(Ordering::Relaxed) {
        let at = Instant::now();
        for (server, seen) in (0_u32..).zip(&mut seen) {
            look(cluster, server, seen, began);
        }
        thread::sleep(EVERY.saturating_sub(at.elapsed()));
    }
    seen
}

/// Servers that don't run, or don't answer, are left out.
fn look(cluster: &Cluster, server: u32, seen: &mut Memory, began: Instant) {
    let Some(child) = cluster.storage(server) else { return };
    // Live data first: what comes between is to its disadvantage.
    let Ok(report) = cluster.storage_report(server) else { return };
    if report.is_removed {
        return;
    }
    let Ok(memory) = child.memory() else { return };
    let (rss, live) = (memory.resident_bytes, report.object_bytes);
    seen.samples += 1;
    seen.rss_bytes_max = seen.rss_bytes_max.max(rss);
    (seen.cleaning_cost, seen.segments_cleaned) = (report.cleaner.cost, report.cleaner.victims);
    let of_bound = rss as f64 / bound(live) as f64;
    if of_bound > seen.of_bound {
        (seen.rss_bytes, seen.live_bytes, seen.of_bound) = (rss, live, of_bound);
        seen.segments = report.log.segments;
        seen.per_live_byte = if live > 0 { rss as f64 / live as f64 } else { 0.0 };
        seen.at_seconds = began.elapsed().as_secs_f64();
    }
}

/// What a server may take with so much live data.
fn bound(live_bytes: u64) -> u64 {
    live_bytes + live_bytes / 2 + BASE_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_counts_half_again() {
        assert_eq!([bound(0), bound(2 << 30)], [128 << 20, (3 << 30) + (128 << 20)]);
    }
}
