//! Operators see a recovery go on within its partitions: recovery masters tell with their renewals how many bytes they
//! have.

use crate::stored::{Stored, id, settled};
use rekindle_sim::{SimCluster, SimConfig, name};
use rekindle_types::{CoordinatorApi, PartitionProgress, PartitionStatus, Reply, Request};
use std::time::Duration;

async fn partitions(cluster: &SimCluster) -> Vec<PartitionStatus> {
    let coordinator = cluster.coordinator(|server| server.coordinator()).flatten().expect("it reigns");
    let Ok(Reply::Status(status)) = coordinator.call(Request::Status).await else { panic!("no status") };
    status.recoveries.into_iter().flat_map(|recovery| recovery.partitions).collect()
}

#[test]
fn recoveries_tell_how_far_they_are() {
    let cluster = SimCluster::new(SimConfig { servers: 4, replicas: 1, ..SimConfig::new(3) });
    cluster.start();
    cluster.world.block_on(async {
        let mut stored = Stored::new(&cluster, 4).await;
        stored.write(600, 4_000).await;
        let dead = id(&cluster, 1);
        // What only the one has comes to the others when the links are mended.
        [3, 4].into_iter().for_each(|to| cluster.weather.cut(&name(2), &name(to)));
        cluster.kill_storage(1);
        let clock = cluster.node(3).env().clock;
        let mut seen = Vec::new();
        for _ in 0..300 {
            clock.sleep(Duration::from_millis(10)).await;
            seen.extend(partitions(&cluster).await);
        }
        cluster.weather.mend();
        let part = |p: &&PartitionStatus| {
            p.progress == PartitionProgress::Replaying && (1..p.bytes).contains(&p.bytes_replayed)
        };
        assert!(seen.iter().any(|p| part(&p)), "{:?}", seen.last());
        settled(&cluster, &[dead], "s1 dead").await;
        stored.verify("s1 dead").await;
    });
}
