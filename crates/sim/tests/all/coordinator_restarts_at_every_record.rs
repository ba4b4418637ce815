//! COO-4. The coordinator crashes at every record of a history of enlist, create, kill, recover and drop, recorded
//! or not; the next one goes on from the meta log, and clients see the same end. Each crash happened.

use rekindle_client::{Client, ClientConfig, ClientError};
use rekindle_cluster::server::StorageServer;
use rekindle_coordinator::meta::Recorded;
use rekindle_sim::{SimCluster, SimConfig, check_settled};
use std::time::Duration;

const OBJECTS: u32 = 60;
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn coordinator_restarts_at_every_record() {
    let config = SimConfig { servers: 4, partition_bytes: 16 << 10, ..SimConfig::new(1) };
    let calm = SimCluster::new(config);
    play(&calm);
    let records = calm.meta().last().0;
    assert!(records > 20, "only {records} records");
    for (n, recorded) in (0..records).flat_map(|n| [(n, Recorded::Yes), (n, Recorded::No)]) {
        let cluster = SimCluster::new(SimConfig { seed: n, ..config });
        cluster.crash_coordinator_after(n, recorded);
        play(&cluster);
        // A crash moves the records behind it: the last of them may come to lie beyond the end.
        assert!(cluster.has_coordinator_crashed() || n + 3 > records, "no crash at record {n} of {records}");
    }
}

fn play(cluster: &SimCluster) {
    cluster.start();
    let client = cluster.client("client", ClientConfig { timeout: PATIENCE, ..ClientConfig::default() });
    cluster.world.block_on(cluster.supervised(history(cluster, &client)));
}

async fn history(cluster: &SimCluster, client: &Client) {
    assert!(cluster.until(PATIENCE, SimCluster::is_ready).await);
    create(client, "kept", 8).await;
    let table = client.table("kept").await.unwrap();
    let objects = (0..OBJECTS).map(|i| (format!("k{i}"), format!("v{i}")));
    for answer in table.multi_put(objects).await {
        answer.unwrap();
    }
    create(client, "dropped", 4).await;
    let victim = cluster.storage(1, StorageServer::id).flatten().unwrap();
    cluster.kill_storage(1);
    for (i, answer) in table.multi_get((0..OBJECTS).map(|i| format!("k{i}"))).await.into_iter().enumerate() {
        assert_eq!(answer.unwrap().unwrap().value, format!("v{i}"));
    }
    client.drop_table("dropped").await.unwrap();
    assert!(matches!(client.table("dropped").await, Err(ClientError::NoSuchTable(_))));
    let is_over = |cluster: &SimCluster| cluster.has_left(victim) && check_settled(cluster).is_ok();
    assert!(cluster.until(PATIENCE, is_over).await, "{:?}", check_settled(cluster));
}

/// Nobody else makes tables: one that exists after an unknown outcome is this call's.
async fn create(client: &Client, name: &str, tablets: u32) {
    match client.create_table(name, tablets).await {
        Ok(_) | Err(ClientError::Unknown(_)) => {}
        Err(error) => panic!("create {name}: {error}"),
    }
}
