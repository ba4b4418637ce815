//! The whole cycle in one process: write, replicate, crash, recover, verify.

use crate::small_cluster::SmallCluster;
use rekindle_client::ObjectResult;
use rekindle_types::Version;
use std::collections::BTreeMap;

const KEYS: usize = 200;

/// Some overwritten, some deleted; what should be there.
fn load(
    cluster: &SmallCluster,
    table: rekindle_types::TableId,
) -> BTreeMap<String, Option<(String, Version)>> {
    let mut model = BTreeMap::new();
    for i in 0..KEYS {
        let key = format!("key-{i}");
        let mut version = cluster.put(table, &key, &format!("first-{i}"));
        let mut value = format!("first-{i}");
        if i % 3 == 0 {
            value = format!("second-{i}");
            let newer = cluster.put(table, &key, &value);
            assert!(newer > version);
            version = newer;
        }
        model.insert(key.clone(), Some((value, version)));
        if i % 5 == 0 {
            assert_eq!(cluster.delete(table, &key), ObjectResult::Deleted(version));
            model.insert(key, None);
        }
    }
    model
}

fn verify(
    cluster: &SmallCluster,
    table: rekindle_types::TableId,
    model: &BTreeMap<String, Option<(String, Version)>>,
) {
    for (key, expected) in model {
        assert_eq!(cluster.get(table, key), *expected, "{key}");
    }
}

#[test]
fn what_was_written_is_read() {
    let cluster = SmallCluster::of(4);
    let table = cluster.create_table("users", 8);
    let model = load(&cluster, table);
    verify(&cluster, table, &model);
}

#[test]
fn everything_is_readable_after_a_server_was_killed() {
    let mut cluster = SmallCluster::of(4);
    let table = cluster.create_table("users", 8);
    let mut model = load(&cluster, table);
    let dead = cluster.kill(1);
    assert!(cluster.owned_by(dead) > 0, "it owned something");
    cluster.until("its tablets have new owners", |c| c.owned_by(dead) == 0);
    verify(&cluster, table, &model);

    // Versions go on above those of the dead master (V1).
    for (key, value) in &mut model {
        let version = cluster.put(table, key, "again");
        assert!(value.as_ref().is_none_or(|(_, former)| version > *former), "{key}");
        *value = Some(("again".into(), version));
    }
    verify(&cluster, table, &model);
}

#[test]
fn a_recovered_table_survives_the_next_death_too() {
    let mut cluster = SmallCluster::of(6);
    let table = cluster.create_table("users", 10);
    let model = load(&cluster, table);
    for i in [0, 3] {
        let dead = cluster.kill(i);
        cluster.until("its tablets have new owners", |c| c.owned_by(dead) == 0);
        verify(&cluster, table, &model);
    }
}

#[test]
fn a_coordinator_that_is_restarted_finishes_a_recovery() {
    let mut cluster = SmallCluster::of(4);
    let table = cluster.create_table("users", 8);
    let model = load(&cluster, table);
    let dead = cluster.kill(2);
    cluster.world.run_for(std::time::Duration::from_millis(400));
    cluster.restart_coordinator();
    cluster.world.run_for(std::time::Duration::from_secs(1));
    cluster.until("its tablets have new owners", |c| c.owned_by(dead) == 0);
    verify(&cluster, table, &model);
}
