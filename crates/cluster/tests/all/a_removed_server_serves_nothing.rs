//! Declared dead is final: a server that comes back from a long pause finds its lease over (F2), then its tablets
//! elsewhere.

use crate::small_cluster::SmallCluster;
use rekindle_cluster::server::StorageEnd;
use std::{sync::Arc, time::Duration};

#[test]
fn a_server_that_slept_through_its_death_serves_nothing() {
    let mut cluster = SmallCluster::of(5);
    let table = cluster.create_table("users", 10);
    let versions: Vec<_> = (0..40).map(|i| cluster.put(table, &format!("key-{i}"), "before")).collect();
    let zombie = cluster.servers[1].take().unwrap();
    let id = zombie.id().unwrap();
    let owned = cluster.owned_by(id);
    assert!(owned > 0);

    cluster.world.node("server-1").pause();
    cluster.until("its tablets have new owners", |c| c.owned_by(id) == 0);
    assert!(!zombie.is_removed(), "it does not know");
    assert_eq!(zombie.status().unwrap().tablets.len(), owned);
    assert!(!zombie.status().unwrap().has_lease, "but its clock does");

    cluster.world.node("server-1").resume();
    cluster.until("it hears of its death", |_| zombie.is_removed());
    cluster.until("it says that it is of no use", |_| zombie.ended() == Some(StorageEnd::Removed(id)));
    let status = zombie.status().unwrap();
    assert!(status.tablets.is_empty());
    assert!(!status.has_lease);
    cluster.world.run_for(Duration::from_secs(2));
    assert!(!zombie.status().unwrap().has_lease, "for good");
    for (i, version) in versions.into_iter().enumerate() {
        assert_eq!(cluster.get(table, &format!("key-{i}")), Some(("before".into(), version)));
    }
}

#[test]
fn a_dropped_server_leaves_neither_tasks_nor_memory_behind() {
    let mut cluster = SmallCluster::of(3);
    let table = cluster.create_table("users", 6);
    for i in 0..20 {
        cluster.put(table, &format!("key-{i}"), "value");
    }
    let node = cluster.world.node("server-2");
    assert!(node.tasks() > 0);
    let server = cluster.servers[2].take().unwrap();
    let store = Arc::downgrade(&server.store().unwrap());
    let backup = Arc::downgrade(&server.backup().unwrap());
    drop(server);
    cluster.world.run_until_idle();
    assert_eq!(node.tasks(), 0);
    assert_eq!(store.strong_count(), 0);
    assert_eq!(backup.strong_count(), 0);
}

#[test]
fn a_clean_stop_makes_durable_what_was_appended() {
    let mut cluster = SmallCluster::of(4);
    let table = cluster.create_table("users", 4);
    let version = cluster.put(table, "key", "value");
    let node = cluster.world.node("server-3");
    let server = cluster.servers[3].take().unwrap();
    let id = server.id().unwrap();
    cluster.world.block_on(server.shutdown()).unwrap();
    assert!(!cluster.is_up(id), "it has handed its lease back (F9)");
    cluster.world.run_until_idle();
    assert_eq!(node.tasks(), 0);
    assert_eq!(cluster.get(table, "key"), Some(("value".into(), version)), "recovered, if it was there");
}
