//! How much work is a replicated write? `multi_put` at R = 3 into five servers, client, coordinator and all servers on
//! one thread, over the network in memory: every byte is encoded, checked, appended and copied as over a real one,
//! but no kernel and no cipher is in the way. The rate is that of one core for all seven together.
//!
//! `cargo bench --bench cluster_load` (`-- --short` for a quick look).
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "measure/mod.rs"]
mod measure;

use bytes::Bytes;
use measure::{Values, is_short, is_wanted, key, median, seconds};
use rekindle::client::{Client, ClientConfig, Table};
use rekindle::sim::{SimCluster, SimConfig};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
/// Objects in one call of the client.
const BATCH: usize = 4096;

struct Loaded {
    cluster: SimCluster,
    table: Table,
    _client: Client,
}

fn start() -> Loaded {
    let config = SimConfig {
        servers: 5,
        replicas: 3,
        segment_bytes: 8 << 20,
        segments_max: 64,
        drift_ppm_max: 0,
        ..SimConfig::new(1)
    };
    let cluster = SimCluster::new(config);
    cluster.start();
    assert!(cluster.world.block_on(cluster.until(PATIENCE, SimCluster::is_ready)));
    let client = cluster.client("client", ClientConfig { timeout: PATIENCE, ..ClientConfig::default() });
    let table = cluster.world.block_on(client.create_table("table", 20)).expect("created");
    Loaded { cluster, table, _client: client }
}

fn load(loaded: &Loaded, values: &Values, objects: usize, value_bytes: usize) -> f64 {
    let batches: Vec<Vec<([u8; measure::KEY_BYTES], Bytes)>> = (0..objects)
        .step_by(BATCH)
        .map(|first| {
            let last = (first + BATCH).min(objects);
            (first..last).map(|n| (key(n), Bytes::copy_from_slice(values.get(n, value_bytes)))).collect()
        })
        .collect();
    seconds(|| {
        for batch in batches {
            let answers = loaded.cluster.world.block_on(loaded.table.multi_put(batch));
            assert!(answers.iter().all(Result::is_ok));
        }
    })
}

fn read(loaded: &Loaded, objects: usize) -> f64 {
    seconds(|| {
        for first in (0..objects).step_by(BATCH) {
            let keys = (first..(first + BATCH).min(objects)).map(key);
            let answers = loaded.cluster.world.block_on(loaded.table.multi_get(keys));
            assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(Option::is_some)));
        }
    })
}

fn main() {
    let values = Values::new();
    let (bytes, rounds) = if is_short() { (4 << 20, 1) } else { (64 << 20, 5) };
    for value_bytes in [100, 1024, 8192] {
        let name = format!("value={value_bytes}B");
        if !is_wanted(&name) {
            continue;
        }
        let objects = bytes / (value_bytes + measure::KEY_BYTES);
        let (mut writes, mut reads) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let loaded = start();
            writes.push(load(&loaded, &values, objects, value_bytes));
            reads.push(read(&loaded, objects));
        }
        for (what, seconds) in [("multi_put", median(writes)), ("multi_get", median(reads))] {
            let (mb, us) = (bytes as f64 / 1e6 / seconds, seconds * 1e6 / objects as f64);
            println!("cluster_load {what} {name} R=3 {mb:.0} MB/s {us:.2} us of one core per object");
        }
    }
}
