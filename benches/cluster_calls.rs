//! Small calls over QUIC (P9): gets of 100 B values by one client from one storage server, each with threads and sockets
//! of its own as processes have them, against bare quinn that carries the same bytes on one stream. Then the same reads
//! in batches, with `multi_get`.
//!
//! `cargo bench --bench cluster_calls` (`-- --short` for a quick look, `-- --only in_flight=256` for the cases whose
//! names contain the text, `-- --profile SECONDS` for one side alone: ours, 256 in flight). Each TARGET line goes by
//! wall clock; the line before it says what a call costs in processor time of both sides together.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "measure/bare_quic.rs"]
mod bare_quic;
#[path = "measure/cluster.rs"]
mod cluster;
#[path = "measure/mod.rs"]
mod measure;

use bare_quic::{Bare, Sizes};
use bytes::Bytes;
use cluster::{Cluster, Shape};
use measure::{KEY_BYTES, Values, is_short, is_wanted, key, processor_seconds};
use rekindle::{backup::Durability, client::Table};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

const VALUE_BYTES: usize = 100;
const OBJECTS: usize = 100_000;
/// What a get takes on the wire: docs/formats/frame.md, object_calls.md.
const SIZES: Sizes = Sizes { request: 17 + 4 + 17 + 2 + KEY_BYTES, reply: 17 + 4 + 1 + 8 + 4 + VALUE_BYTES };
/// Of the bare stream's rate.
const REACH: f64 = 0.35;

fn load(cluster: &Cluster, table: &Table, values: &Values) {
    for first in (0..OBJECTS).step_by(1000) {
        let value = |n| Bytes::copy_from_slice(values.get(n, VALUE_BYTES));
        let batch: Vec<_> = (first..first + 1000).map(|n| (key(n), value(n))).collect();
        for answer in cluster.user.run(table.multi_put(batch)) {
            answer.expect("written");
        }
    }
}

/// Tasks on the client's thread, each of which makes one call after the other.
fn gets(cluster: &Cluster, table: &Table, calls: usize, in_flight: usize) {
    let taken = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..in_flight)
        .map(|_| {
            let (table, taken) = (table.clone(), taken.clone());
            cluster.user.threads.main().spawn(async move {
                loop {
                    let n = taken.fetch_add(1, Ordering::Relaxed);
                    if n >= calls {
                        return;
                    }
                    let found = table.get(key(n * 7919 % OBJECTS)).await.expect("answered");
                    assert_eq!(found.map(|object| object.value.len()), Some(VALUE_BYTES));
                }
            })
        })
        .collect();
    tasks.into_iter().for_each(|task| cluster.user.run(task).expect("no panic"));
}

/// The same by `multi_get` of `batch` keys, one after the other.
fn multi_gets(cluster: &Cluster, table: &Table, calls: usize, batch: usize) {
    let table = table.clone();
    let task = cluster.user.threads.main().spawn(async move {
        for first in (0..calls).step_by(batch) {
            let found = table.multi_get((first..first + batch).map(|n| key(n * 7919 % OBJECTS))).await;
            for object in found {
                assert!(object.expect("answered").is_some());
            }
        }
    });
    cluster.user.run(task).expect("no panic");
}

/// Seconds by the wall clock and of the processor.
#[derive(Clone, Copy)]
struct Cost(f64, f64);

fn cost(run: impl FnOnce()) -> Cost {
    let (start, processor) = (Instant::now(), processor_seconds());
    run();
    Cost(start.elapsed().as_secs_f64(), processor_seconds() - processor)
}

/// Both sides in turn, medians of each figure.
fn alternate(mut limit: impl FnMut(), mut ours: impl FnMut()) -> [Cost; 2] {
    let mut rounds = [Vec::new(), Vec::new()];
    limit();
    ours();
    for _ in 0..if is_short() { 1 } else { 5 } {
        rounds[0].push(cost(&mut limit));
        rounds[1].push(cost(&mut ours));
    }
    rounds.map(|rounds| {
        let of = |figure: fn(&Cost) -> f64| measure::median(rounds.iter().map(figure).collect());
        Cost(of(|cost| cost.0), of(|cost| cost.1))
    })
}

fn report(case: &str, calls: usize, [limit, ours]: [Cost; 2]) {
    let each = |cost: Cost| cost.1 * 1e9 / calls as f64;
    let (bare, own) = (each(limit), each(ours));
    println!("cluster_calls {case}: {bare:.0} ns of CPU bare, {own:.0} ns ours, ratio {:.2}", bare / own);
    let what = format!("value={VALUE_BYTES}B {case}");
    measure::target("P9", &what, calls, (limit.0, ours.0), REACH);
}

/// Ours alone, for a profiler.
fn profile(cluster: &Cluster, table: &Table, seconds: u64) {
    let (start, mut calls) = (Instant::now(), 0);
    let whole = cost(|| {
        while start.elapsed() < Duration::from_secs(seconds) {
            gets(cluster, table, 10_000, 256);
            calls += 10_000;
        }
    });
    println!(
        "cluster_calls profile: {:.0}/s, {:.0} ns of CPU each",
        calls as f64 / whole.0,
        whole.1 * 1e9 / calls as f64
    );
}

fn main() {
    let shape = Shape { servers: 1, replicas: 0, durability: Durability::Buffered, memory_bytes: 256 << 20 };
    let cluster = Cluster::start(shape);
    let table = cluster.table("table", 1);
    load(&cluster, &table, &Values::new());
    let mut args = std::env::args().skip_while(|arg| arg != "--profile");
    if let Some(seconds) = args.nth(1).and_then(|seconds| seconds.parse().ok()) {
        return profile(&cluster, &table, seconds);
    }
    let mut bare = Bare::start(SIZES);
    let scale = if is_short() { 10 } else { 1 };
    for (in_flight, calls) in [(1, 20_000), (32, 200_000), (256, 400_000)] {
        let (case, calls) = (format!("in_flight={in_flight}"), calls / scale);
        if is_wanted(&case) {
            let limit = || bare.call(SIZES, calls, in_flight);
            let both = alternate(limit, || gets(&cluster, &table, calls, in_flight));
            report(&case, calls, both);
        }
    }
    for batch in [32, 256] {
        let (case, calls) = (format!("multi_get={batch}"), batch * 4000 / scale);
        if is_wanted(&case) {
            let limit = || bare.call(SIZES, calls, batch);
            let both = alternate(limit, || multi_gets(&cluster, &table, calls, batch));
            report(&case, calls, both);
        }
    }
}
