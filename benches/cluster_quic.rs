//! Loading and recovery over QUIC, with files: five storage servers, a coordinator and a client in one process, each
//! with threads, sockets and a directory of its own, as processes have them. `multi_put` at R = 3; then one server is
//! dropped, and reads of the others' tablets go on until everything answers again.
//!
//! `cargo bench --bench cluster_quic` (`-- --short` for a quick look, `-- --only Buffered` for one durability,
//! `-- --mib 1024` for more data).
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "measure/cluster.rs"]
mod cluster;
#[path = "measure/mod.rs"]
mod measure;

use bytes::Bytes;
use cluster::{Cluster, Shape};
use measure::{KEY_BYTES, Values, is_short, is_wanted, key};
use rekindle::backup::Durability;
use rekindle::client::Table;
use rekindle::cluster::server::StorageServer;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

const SERVERS: usize = 5;
const VALUE_BYTES: usize = 1024;
/// Objects of one call of the client, and calls under way at once.
const BATCH: usize = 1024;
const CALLS: usize = 8;

/// Runs calls of the client on its own thread, several at once.
fn at_once(cluster: &Cluster, calls: Vec<impl Future<Output = ()> + Send + 'static>) {
    let mut calls = calls.into_iter();
    let workers: Vec<_> = {
        let shared = Arc::new(std::sync::Mutex::new(calls.by_ref().collect::<Vec<_>>()));
        (0..CALLS)
            .map(|_| {
                let shared = shared.clone();
                cluster.user.threads.main().spawn(async move {
                    loop {
                        let next = shared.lock().expect("no panic under it").pop();
                        let Some(call) = next else { return };
                        call.await;
                    }
                })
            })
            .collect()
    };
    for worker in workers {
        cluster.user.run(worker).expect("no panic");
    }
}

fn load(cluster: &Cluster, table: &Table, values: &Values, objects: usize) -> f64 {
    let batches = (0..objects).step_by(BATCH).map(|first| {
        let last = (first + BATCH).min(objects);
        let batch: Vec<_> =
            (first..last).map(|n| (key(n), Bytes::copy_from_slice(values.get(n, VALUE_BYTES)))).collect();
        let table = table.clone();
        async move {
            for answer in table.multi_put(batch).await {
                answer.expect("written");
            }
        }
    });
    let batches: Vec<_> = batches.collect();
    measure::seconds(|| at_once(cluster, batches))
}

/// Drops a server; how long until all objects answer, and the slowest single read of others meanwhile.
fn crash(cluster: &mut Cluster, table: &Table, objects: usize) {
    let victim = cluster.servers.remove(1);
    let id = victim.server.as_ref().and_then(StorageServer::id).expect("enlisted");
    let live = victim.server.as_ref().and_then(StorageServer::status).map_or(0, |s| s.log.live_bytes);
    let mut victim = victim;
    let begin = Instant::now();
    drop(victim.server.take());
    drop(victim);
    let is_over = Arc::new(AtomicBool::new(false));
    let prober = {
        // Keys that answer at once belong to others.
        let (table, is_over) = (table.clone(), is_over.clone());
        cluster.user.threads.main().spawn(async move {
            let (mut slow, mut reads, mut n) = (Vec::new(), 0u32, 0usize);
            while !is_over.load(Ordering::Relaxed) {
                n = (n + 7919) % objects;
                let begin = Instant::now();
                let get = table.get(key(n));
                if let Ok(found) = tokio::time::timeout(Duration::from_millis(250), get).await {
                    assert!(found.expect("read").is_some());
                    reads += 1;
                    slow.push(begin.elapsed());
                }
            }
            slow.sort();
            (reads, slow)
        })
    };
    let keys: Vec<_> = (0..objects).step_by(97).map(key).collect();
    let found = cluster.user.run(table.multi_get(keys));
    let served = begin.elapsed();
    is_over.store(true, Ordering::Relaxed);
    assert!(found.iter().all(|f| f.as_ref().is_ok_and(Option::is_some)), "lost");
    let (reads, slow) = cluster.user.run(prober).expect("no panic");
    let at = |share: f64| slow.get((slow.len() as f64 * share) as usize).copied().unwrap_or_default();
    println!(
        "cluster_quic recovery of {id}: {live} live bytes served after {} ms; {reads} reads meanwhile, median {:?}, p99 {:?}, slowest {:?}",
        served.as_millis(),
        at(0.5),
        at(0.99),
        slow.last().copied().unwrap_or_default(),
    );
}

fn main() {
    let mut args = std::env::args().skip_while(|arg| arg != "--mib");
    let asked = args.nth(1).and_then(|mib| mib.parse::<usize>().ok());
    let mib = asked.unwrap_or(if is_short() { 16 } else { 256 });
    let values = Values::new();
    for (name, durability) in [("Buffered", Durability::Buffered), ("Persistent", Durability::Persistent)] {
        if !is_wanted(name) {
            continue;
        }
        let bytes = mib << 20;
        let objects = bytes / (VALUE_BYTES + KEY_BYTES);
        let memory_bytes = (bytes as u64).max(256 << 20);
        let mut cluster = Cluster::start(Shape { servers: SERVERS, replicas: 3, durability, memory_bytes });
        let table = cluster.table("table", 4 * SERVERS as u32);
        let seconds = load(&cluster, &table, &values, objects);
        println!(
            "cluster_quic multi_put {name} R=3 value={VALUE_BYTES}B {:.0} MB/s",
            bytes as f64 / 1e6 / seconds
        );
        crash(&mut cluster, &table, objects);
    }
}
