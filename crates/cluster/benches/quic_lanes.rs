//! What does a lane add to QUIC? Small calls and bulk over lanes, against the same bytes over bare streams of quinn with
//! its default settings but for the datagram size. One thread on each side, both in this process.
//!
//! `cargo bench -p rekindle-cluster --features local --bench quic_lanes` (`-- --short` for a quick look, `-- --only bulk`
//! for the cases whose names contain the text). Each line gives wall clock, and processor time of both sides
//! together: that is the figure to go by on a busy machine.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "quic/bare.rs"]
mod bare;
#[path = "quic/lanes.rs"]
mod lanes;

use rekindle_env::real::Runtimes;
use rustix::time::{ClockId, clock_gettime};
use std::time::Instant;

/// Bytes of a small call's frame, and of a bulk one's: 100 B, and a segment, after the header.
pub(crate) const SMALL_BYTES: usize = 17 + 100;
pub(crate) const BULK_BYTES: usize = 1 << 20;

/// What is to be carried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) calls: usize,
    pub(crate) in_flight: usize,
    pub(crate) connections: usize,
    pub(crate) datagram_bytes_max: u16,
}

/// Both sides' threads.
pub(crate) struct Sides {
    pub(crate) server: Runtimes,
    pub(crate) client: Runtimes,
}

fn is_short() -> bool {
    std::env::args().any(|arg| arg == "--short" || arg == "--test")
}

fn is_wanted(name: &str) -> bool {
    let mut args = std::env::args().skip_while(|arg| arg != "--only");
    args.nth(1).is_none_or(|text| name.contains(&text))
}

fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Seconds by the wall clock and of the processor.
pub(crate) fn measured(run: impl FnOnce()) -> (f64, f64) {
    let (start, processor) = (Instant::now(), processor_seconds());
    run();
    (start.elapsed().as_secs_f64(), processor_seconds() - processor)
}

/// The median by processor time.
fn median(mut rounds: Vec<(f64, f64)>) -> (f64, f64) {
    rounds.sort_by(|a, b| a.1.total_cmp(&b.1));
    rounds[rounds.len() / 2]
}

fn compare(
    name: &str,
    unit: f64,
    what: &str,
    load: Load,
    bare: impl Fn(Load) -> (f64, f64),
    lanes: impl Fn(Load) -> (f64, f64),
) {
    if !is_wanted(name) {
        return;
    }
    let rounds = if is_short() { 1 } else { 5 };
    let (mut limits, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        limits.push(bare(load));
        ours.push(lanes(load));
    }
    let line = |side: &str, (wall, processor): (f64, f64)| {
        println!("{name} {side}: {:.3} {what}/s, {:.3} ns of CPU", unit / wall / 1e6, processor * 1e9 / unit);
    };
    let (limit, ours) = (median(limits), median(ours));
    line("bare ", limit);
    line("lanes", ours);
    println!("TARGET P9 {name} ratio={:.2} by CPU, {:.2} by wall clock", limit.1 / ours.1, limit.0 / ours.0);
}

fn main() {
    let scale = if is_short() { 10 } else { 1 };
    for (in_flight, calls) in [(1, 20_000), (32, 300_000), (256, 1_000_000)] {
        let calls = calls / scale;
        let load = Load { calls, in_flight, connections: 1, datagram_bytes_max: 4000 };
        compare(
            &format!("small in_flight={in_flight}"),
            calls as f64,
            "M calls",
            load,
            bare::small,
            lanes::small,
        );
    }
    for connections in [2, 4] {
        let calls = 1_000_000 / scale;
        let load = Load { calls, in_flight: 256, connections, datagram_bytes_max: 4000 };
        compare(
            &format!("small in_flight=256 connections={connections}"),
            calls as f64,
            "M calls",
            load,
            bare::small,
            lanes::small,
        );
    }
    for datagram_bytes_max in [1452, 4000, 9000] {
        let calls = 3000 / scale;
        let load = Load { calls, in_flight: 4, connections: 1, datagram_bytes_max };
        let bytes = (calls * BULK_BYTES) as f64;
        compare(&format!("bulk datagram={datagram_bytes_max}"), bytes, "MB", load, bare::bulk, lanes::bulk);
    }
}
