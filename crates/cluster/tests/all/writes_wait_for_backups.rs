//! L1: with fewer than R backups up writes wait, say why when their time is over, and go on when a server joins.

use crate::small_cluster::SmallCluster;
use rekindle_client::{ClientConfig, ClientError};
use std::time::Duration;

#[test]
fn writes_wait_for_another_server_and_reads_do_not() {
    // Two servers, one replica.
    let mut cluster = SmallCluster::of(2);
    let table = cluster.create_table("t", 2);
    let owner = cluster.servers[0].as_ref().unwrap().id().unwrap();
    let key = (0..).map(|i| format!("key-{i}")).find(|key| cluster.owner(table, key) == owner).unwrap();
    let before = cluster.put(table, &key, "before");
    cluster.kill(1);
    cluster.until("the death is known", |c| {
        c.servers[0].as_ref().unwrap().status().unwrap().replication.too_few.is_some()
    });
    assert_eq!(cluster.get(table, &key), Some(("before".into(), before)), "reads need no backup");

    let client = cluster.client(ClientConfig { timeout: Duration::from_secs(2), ..ClientConfig::default() });
    let objects = cluster.servers[0].as_ref().unwrap().store().unwrap();
    let bytes = objects.log().end();
    cluster.world.block_on(async {
        let table = client.table("t").await.unwrap();
        let waited = table.put(&key, "after").await.unwrap_err();
        let why = "writes wait: 0 of 1 backups are up; start another server";
        assert_eq!(waited, ClientError::TimedOut(why.into()), "surely not done");
        assert_eq!(table.delete(&key).await, Err(ClientError::TimedOut(why.into())));
        assert!(table.get(&key).await.unwrap().is_some());
    });
    assert_eq!(objects.log().end(), bytes, "what waits takes no memory");
    let said = cluster.coordinator.as_ref().unwrap().coordinator().unwrap().resilience().to_string();
    assert!(said.ends_with("writes wait for 1 backup; start 1 more server"), "{said}");

    let after = {
        let write = client.clone();
        let table = cluster.world.block_on(async move { write.table("t").await.unwrap() });
        cluster.start_server(2);
        cluster
            .world
            .block_on(async { table.within(Duration::from_secs(20)).put(&key, "after").await.unwrap() })
    };
    assert_eq!(cluster.get(table, &key), Some(("after".into(), after)));
}
