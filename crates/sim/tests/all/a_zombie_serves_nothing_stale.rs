//! Rules F2, F3, T5 in a whole cluster. A server stands still past its death, its tablets move on and are
//! overwritten; then it goes on, and a client with the map of before asks it. It sees the new values, never the old.

use rekindle_client::{ClientConfig, Table};
use rekindle_coordinator::Event;
use rekindle_sim::{SimCluster, SimConfig};
use rekindle_types::Rules;
use std::time::Duration;

const OBJECTS: usize = 120;
const PATIENCE: Duration = Duration::from_secs(60);
/// Whether a read comes before the news that its server is dead is a matter of microseconds.
const SEEDS: [u64; 4] = [0, 1, 2, 3];

#[test]
fn a_zombie_serves_nothing_stale() {
    assert!(SEEDS.into_iter().all(|seed| stale_reads(seed, Rules::default()) == 0));
}

#[test]
#[cfg(feature = "mutations")]
fn without_leases_it_does() {
    assert!(SEEDS.into_iter().any(|seed| stale_reads(seed, Rules::without(rekindle_types::Rule::F2)) > 0));
}

/// Objects that are read as they were before their server stood still.
fn stale_reads(seed: u64, rules: Rules) -> usize {
    let cluster = SimCluster::new(SimConfig { servers: 4, rules, ..SimConfig::new(seed) });
    cluster.start();
    let client = |name| cluster.client(name, ClientConfig { timeout: PATIENCE, ..ClientConfig::default() });
    let (writer, reader) = (client("writer"), client("reader"));
    cluster.world.block_on(async {
        assert!(cluster.until(PATIENCE, SimCluster::is_ready).await);
        let table = writer.create_table("table", 16).await.unwrap();
        put_all(&table, "old").await;
        let late = reader.table("table").await.unwrap();
        assert_eq!(count(&late, "old").await, OBJECTS);

        cluster.pause_storage(0);
        let recovered = |event: &Event| matches!(event, Event::Recovered(_));
        assert!(cluster.until(PATIENCE, |cluster| cluster.timeline.count(recovered) == 1).await);
        // Reads are repeated until they are answered: the writer's map is new afterwards.
        assert_eq!(count(&table, "old").await, OBJECTS);
        put_all(&table, "new").await;

        cluster.resume_storage(0);
        count(&late, "old").await
    })
}

fn keys() -> Vec<String> {
    (0..OBJECTS).map(|i| format!("k{i}")).collect()
}

async fn put_all(table: &Table, value: &'static str) {
    for put in table.multi_put(keys().into_iter().map(|key| (key, value))).await {
        put.unwrap();
    }
}

/// How many objects have this value.
async fn count(table: &Table, value: &str) -> usize {
    let reads = table.multi_get(keys()).await.into_iter();
    reads.filter(|object| object.as_ref().unwrap().as_ref().unwrap().value == value).count()
}
