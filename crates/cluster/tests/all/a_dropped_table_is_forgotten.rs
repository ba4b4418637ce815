//! Rule T8: once the drop is answered no owner serves the table, nor keeps it.

use crate::small_cluster::SmallCluster;
use rekindle_cluster::server::StorageServer;

#[test]
fn a_dropped_table_leaves_no_object_behind() {
    let cluster = SmallCluster::of(3);
    let [users, orders] = ["users", "orders"].map(|name| cluster.create_table(name, 6));
    for i in 0..30 {
        cluster.put(users, &format!("user-{i}"), "x");
        cluster.put(orders, &format!("order-{i}"), "y");
    }
    let objects = || cluster.servers.iter().flatten().map(|s| s.store().unwrap().objects()).sum::<u64>();
    assert_eq!(objects(), 60);
    cluster.drop_table("users");
    assert_eq!(objects(), 30);
    let is_served = |s: &StorageServer| s.status().unwrap().tablets.iter().any(|t| t.table == users);
    assert!(!cluster.servers.iter().flatten().any(is_served));
    assert!(cluster.get(orders, "order-7").is_some());
    assert_ne!(cluster.create_table("users", 6), users, "ids are never used twice");
}
