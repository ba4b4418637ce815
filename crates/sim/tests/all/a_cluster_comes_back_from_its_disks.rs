//! BAK-1, REC-1, F9. Servers with their backups in files, and a coordinator with its record in files: whoever is killed
//! comes back with what it had synced. Disks forget the rest.

use crate::stored::{PATIENCE, Stored, id, settled};
use futures_util::future::{join, join_all};
use rekindle_backup::Durability;
use rekindle_sim::{SimCluster, SimConfig, SimStore};
use std::time::Duration;

fn cluster(seed: u64, durability: Durability) -> SimCluster {
    let store = SimStore::Disks(durability);
    let cluster = SimCluster::new(SimConfig { store, ..SimConfig::new(seed) });
    cluster.start();
    cluster
}

#[test]
fn a_killed_server_takes_its_own_place_with_its_disk() {
    for seed in 0..3 {
        let cluster = cluster(seed, Durability::Persistent);
        cluster.world.block_on(async {
            let mut stored = Stored::new(&cluster, 12).await;
            stored.write(400, 200).await;
            let former = id(&cluster, 1);
            cluster.kill_storage(1);
            cluster.start_storage(1);
            assert!(cluster.until(PATIENCE, SimCluster::is_ready).await, "it did not come back");
            assert!(id(&cluster, 1) > former, "another id (F6)");
            stored.verify("restarted").await;
            settled(&cluster, &[former], "restarted").await;
            stored.write(50, 200).await;
            stored.verify("after").await;
        });
    }
}

#[test]
fn a_stop_that_a_crash_overtakes_kills_no_successor() {
    let cluster = cluster(4, Durability::Persistent);
    cluster.world.block_on(async {
        assert!(cluster.until(PATIENCE, SimCluster::is_ready).await);
        let crash = async {
            cluster.until(Duration::from_millis(20), |_| false).await;
            cluster.kill_storage(1);
            cluster.start_storage(1);
        };
        // Standing still, it can't stop before it is killed.
        cluster.pause_storage(1);
        let _ = join(cluster.try_stop_storage(1), crash).await;
        assert!(cluster.running().contains(&1) && cluster.node(1).is_up());
        assert!(
            cluster.until(PATIENCE, SimCluster::is_ready).await,
            "the successor does not come into service"
        );
    });
}

#[test]
fn what_only_dead_backups_hold_comes_back_with_them() {
    assert!((11..19).any(comes_back_with_them), "in no story do some of the dead wait and others not");
}

/// Whether some dead servers, but not all, had to wait for a segment whose only copy was on another dead one.
fn comes_back_with_them(seed: u64) -> bool {
    let store = SimStore::Disks(Durability::Persistent);
    let cluster = SimCluster::new(SimConfig { store, replicas: 1, ..SimConfig::new(seed) });
    cluster.start();
    cluster.world.block_on(async {
        let mut stored = Stored::new(&cluster, 12).await;
        stored.write(1500, 400).await;
        // With R = 1 three of five segments have their only copy among three dead backups of five.
        let dead: Vec<_> = (0..4).map(|server| id(&cluster, server)).collect();
        (0..4).for_each(|server| cluster.kill_storage(server));
        let clock = cluster.world.node("network").env().clock;
        // Longer than so many deaths at once are held (F8).
        clock.sleep(Duration::from_secs(40)).await;
        let waits = dead.iter().filter(|id| !cluster.has_left(**id)).count();
        (0..4).for_each(|server| cluster.start_storage(server));
        stored.verify("they came back").await;
        settled(&cluster, &dead, "they came back").await;
        (1..dead.len()).contains(&waits)
    })
}

#[test]
fn a_power_failure_of_everything_loses_nothing_acknowledged() {
    for seed in 0..4 {
        let cluster = cluster(seed, Durability::Persistent);
        cluster.world.block_on(async {
            let mut stored = Stored::new(&cluster, 12).await;
            stored.write(600, 200).await;
            for round in 0..2 {
                let former: Vec<_> = (0..6).map(|server| id(&cluster, server)).collect();
                cluster.kill_all();
                cluster.start_missing();
                let when = format!("seed {seed}, power failure {round}");
                assert!(cluster.until(PATIENCE, SimCluster::is_ready).await, "{when}: not ready");
                stored.verify(&when).await;
                settled(&cluster, &former, &when).await;
                stored.write(100, 200).await;
            }
            stored.verify("at the end").await;
        });
    }
}

/// J5: what is only in memory goes to the frames in a clean stop.
#[test]
fn a_clean_stop_of_everything_loses_nothing_that_was_only_buffered() {
    for seed in 0..3 {
        let cluster = cluster(seed, Durability::Buffered);
        cluster.world.block_on(async {
            let mut stored = Stored::new(&cluster, 12).await;
            stored.write(400, 200).await;
            let former: Vec<_> = (0..6).map(|server| id(&cluster, server)).collect();
            join_all((0..6).map(|server| cluster.stop_storage(server))).await;
            assert!(cluster.running().is_empty());
            cluster.kill_coordinator();
            cluster.start_missing();
            stored.verify("started again").await;
            settled(&cluster, &former, "started again").await;
        });
    }
}
