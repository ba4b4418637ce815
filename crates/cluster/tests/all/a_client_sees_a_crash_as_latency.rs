//! The real client against real servers: a killed master costs its callers time, not errors, and nothing
//! acknowledged is lost.

use crate::small_cluster::SmallCluster;
use rekindle_client::{ClientConfig, ClientError};
use std::{collections::BTreeMap, time::Duration};

fn objects() -> impl Iterator<Item = (String, String)> {
    (0..300).map(|i| (format!("key-{i}"), format!("value-{i}")))
}

#[test]
fn batches_scans_and_reads_survive_a_kill() {
    let mut cluster = SmallCluster::of(4);
    let config =
        ClientConfig { timeout: Duration::from_secs(30), page_bytes: 1000, ..ClientConfig::default() };
    let client = cluster.client(config);
    let table = cluster.world.block_on(client.create_table("users", 8)).unwrap();
    let written = cluster.world.block_on(table.multi_put(objects()));
    assert!(written.iter().all(Result::is_ok), "{written:?}");
    cluster.kill(2);
    cluster.world.block_on(async {
        // Nobody has noticed the death yet: reads are repeated until the tablets are back.
        for ((key, value), found) in objects().zip(table.multi_get(objects().map(|(key, _)| key)).await) {
            assert_eq!(found.unwrap().expect("it was acknowledged").value, value, "{key}");
        }
        let listed = table.scan().collect().await.unwrap();
        assert_eq!(listed.len(), 300);
        let listed: BTreeMap<_, _> = listed.into_iter().map(|o| (o.key, o.value)).collect();
        assert_eq!(listed.len(), 300, "each once");
        assert!(objects().all(|(key, value)| listed[key.as_bytes()] == value));
    });
}

#[test]
fn writes_into_a_crash_are_done_or_unknown_and_never_lost() {
    let mut cluster = SmallCluster::of(4);
    let config = ClientConfig { timeout: Duration::from_secs(30), ..ClientConfig::default() };
    let client = cluster.client(config);
    let table = cluster.world.block_on(client.create_table("users", 8)).unwrap();
    cluster.world.block_on(table.multi_put(objects()));
    cluster.kill(1);
    cluster.world.block_on(async {
        let again = table.multi_put(objects().map(|(key, _)| (key, "again"))).await;
        let found = table.multi_get(objects().map(|(key, _)| key)).await;
        let mut unknown = 0;
        for (written, found) in again.into_iter().zip(found) {
            let found = found.unwrap().expect("the first value was acknowledged");
            match written {
                Ok(version) => assert_eq!((&found.value[..], found.version), (&b"again"[..], version)),
                Err(ClientError::Unknown(_)) => unknown += 1,
                Err(other) => panic!("{other}"),
            }
        }
        assert!(unknown < 150, "only the dead master's share: {unknown}");
    });
}
