//! Replicated puts (P10): three replicas of every write beside the master's memory, Buffered and Persistent, one put per
//! call, so many outstanding. In turn with redis-server (two replicas, `WAIT 2` after each put, appendfsync always on all
//! three) and etcd (three members), where they are installed: docs/performance.md says how. All share this machine.
//!
//! `cargo bench --bench cluster_puts` (`-- --short` for a quick look, `-- --only "value=100B outstanding=64"` for the
//! cases whose names contain the text, `-- --profile SECONDS` for ours alone, Buffered, 100 B, 64 outstanding).
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "measure/cluster.rs"]
mod cluster;
#[path = "measure/mod.rs"]
mod measure;
mod peers;

use bytes::Bytes;
use cluster::{Cluster, Shape};
use measure::{is_short, is_wanted};
use peers::{
    etcd::Etcd,
    puts::{Latencies, Puts, Run},
    redis::Redis,
};
use rekindle::{backup::Durability, client::Table};
use std::{
    path::Path,
    time::{Duration, Instant},
};

const SERVERS: usize = 4;
/// P10 says above each peer at these; one outstanding is reported only.
const TARGETS: [usize; 2] = [64, 1024];

/// Puts of this value, so many outstanding, for so long.
type Measure<'a> = Box<dyn Fn(&[u8], usize, Duration) -> Puts + 'a>;

/// One side of the comparison.
struct Side<'a> {
    name: &'static str,
    puts: Measure<'a>,
}

fn side<'a>(name: &'static str, puts: impl Fn(&[u8], usize, Duration) -> Puts + 'a) -> Side<'a> {
    Side { name, puts: Box::new(puts) }
}

/// Tasks on the client's thread, each of which makes one put after the other.
fn puts(cluster: &Cluster, table: &Table, value: &[u8], outstanding: usize, length: Duration) -> Puts {
    let (value, run) = (Bytes::copy_from_slice(value), Run::new(length));
    let loops: Vec<_> = (0..outstanding)
        .map(|_| {
            let (table, value, run) = (table.clone(), value.clone(), run.clone());
            cluster.user.threads.main().spawn(async move {
                let mut latencies = Latencies::default();
                while !run.is_over() {
                    let start = Instant::now();
                    table.put(run.key(), value.clone()).await.expect("written");
                    latencies.add(start, 1);
                }
                latencies
            })
        })
        .collect();
    let all = loops.into_iter().flat_map(|one| cluster.user.run(one).expect("no panic").0).collect();
    Puts::of(all, run.seconds())
}

/// `multi_put` of so many at a time, one after the other.
fn multi_puts(cluster: &Cluster, table: &Table, value: &[u8], batch: usize, length: Duration) -> Puts {
    let (value, run, table) = (Bytes::copy_from_slice(value), Run::new(length), table.clone());
    let each = run.clone();
    let task = cluster.user.threads.main().spawn(async move {
        let mut latencies = Latencies::default();
        while !each.is_over() {
            let start = Instant::now();
            for written in table.multi_put((0..batch).map(|_| (each.key(), value.clone()))).await {
                written.expect("written");
            }
            latencies.add(start, batch);
        }
        latencies
    });
    let all = cluster.user.run(task).expect("no panic").0;
    Puts::of(all, run.seconds())
}

/// Every side in turn; medians.
fn turns(sides: &[Side<'_>], value: &[u8], outstanding: usize) -> Vec<Puts> {
    let (rounds, length) = if is_short() { (1, 200) } else { (5, 700) };
    let mut found = vec![Vec::new(); sides.len()];
    for round in 0..=rounds {
        for (side, found) in sides.iter().zip(&mut found) {
            let puts = (side.puts)(value, outstanding, Duration::from_millis(length));
            if round > 0 {
                found.push(puts);
            }
        }
    }
    found.iter().map(|rounds| Puts::median(rounds)).collect()
}

/// A figure of each side, then ours against each peer's.
fn report(case: &str, outstanding: usize, sides: &[Side<'_>], ours: usize, medians: &[Puts]) {
    for (side, puts) in sides.iter().zip(medians) {
        println!(
            "cluster_puts {case} {}: {:.1}k/s, p50 {:.0} us, p99 {:.0} us",
            side.name,
            puts.per_second / 1e3,
            puts.p50_us,
            puts.p99_us
        );
    }
    if !TARGETS.contains(&outstanding) {
        return;
    }
    for (own, mine) in sides[..ours].iter().zip(medians) {
        for (peer, theirs) in sides.iter().zip(medians).skip(ours) {
            let ratio = mine.per_second / theirs.per_second;
            println!(
                "TARGET P10 {case} durability={} peer={} limit={:.1}k/s ours={:.1}k/s ratio={ratio:.2} reach=1.00 {}",
                own.name,
                peer.name,
                theirs.per_second / 1e3,
                mine.per_second / 1e3,
                if ratio > 1.0 { "met" } else { "missed" }
            );
        }
    }
}

fn start(durability: Durability) -> (Cluster, Table) {
    let cluster =
        Cluster::start(Shape { servers: SERVERS, replicas: 3, durability, memory_bytes: 512 << 20 });
    // One master, as the peers have one primary and one leader.
    let table = cluster.table("table", 1);
    (cluster, table)
}

fn profile(seconds: u64) {
    let (cluster, table) = start(Durability::Buffered);
    let (value, before) = (vec![7; 100], measure::processor_seconds());
    let puts = puts(&cluster, &table, &value, 64, Duration::from_secs(seconds));
    let each = (measure::processor_seconds() - before) / (puts.per_second * seconds as f64);
    println!("cluster_puts profile: {puts:?}, {:.2} us of CPU each", each * 1e6);
}

/// A peer, or what to do to have it.
fn peer<T>(name: &str, package: &str, started: Option<T>) -> Option<T> {
    if started.is_none() {
        println!("cluster_puts: without {name}; to have it: apt-get install -y {package}");
    }
    started
}

fn compare(dir: &Path) {
    let redis = peer("Redis", "redis-server", Redis::start(dir, "always"));
    let etcd = peer("etcd", "etcd-server", Etcd::start(dir));
    let (buffered, persistent) = (start(Durability::Buffered), start(Durability::Persistent));
    for outstanding in [1, 64, 1024] {
        for bytes in [100, 1024] {
            let size = if bytes == 1024 { "1KiB".to_owned() } else { format!("{bytes}B") };
            let value = measure::Values::new().get(1, bytes).to_vec();
            let case = format!("value={size} outstanding={outstanding}");
            if is_wanted(&case) {
                let mut sides = vec![
                    side("Buffered", |v, n, length| puts(&buffered.0, &buffered.1, v, n, length)),
                    side("Persistent", |v, n, length| puts(&persistent.0, &persistent.1, v, n, length)),
                ];
                sides
                    .extend(redis.iter().map(|redis| side("redis", |v, n, length| redis.puts(v, n, length))));
                sides.extend(etcd.iter().map(|etcd| side("etcd", |v, n, length| etcd.puts(v, n, length))));
                report(&case, outstanding, &sides, 2, &turns(&sides, &value, outstanding));
            }
            let case = format!("value={size} batch={outstanding}");
            if outstanding > 1 && is_wanted(&case) {
                let mut sides = vec![
                    side("Buffered", |v, n, length| multi_puts(&buffered.0, &buffered.1, v, n, length)),
                    side("Persistent", |v, n, length| multi_puts(&persistent.0, &persistent.1, v, n, length)),
                ];
                sides.extend(
                    redis
                        .iter()
                        .map(|redis| side("redis", |v, n, length| redis.puts_in_groups(v, n, length))),
                );
                report(&case, 1, &sides, 2, &turns(&sides, &value, outstanding));
            }
        }
    }
}

fn main() {
    let mut args = std::env::args().skip_while(|arg| arg != "--profile");
    if let Some(seconds) = args.nth(1).and_then(|seconds| seconds.parse().ok()) {
        return profile(seconds);
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    compare(dir.path());
}
