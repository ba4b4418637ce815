//! L2, REC-1. One table has nearly filled the memory that it may fill, another one is empty, and a server dies: by hash
//! half of what it had is nothing. The other half has room on nobody; it is cut until it has. Nothing is lost.

use crate::stored::{PATIENCE, Stored, id, settled};
use rekindle_client::ClientConfig;
use rekindle_coordinator::Event;
use rekindle_sim::{SimCluster, SimConfig};

/// In all: some 31 segments on each server, with room for 24 more.
const OBJECTS: usize = 1_500;

#[test]
fn a_full_table_is_recovered_into_what_room_there_is() {
    for seed in 1..=4 {
        let config = SimConfig {
            servers: 3,
            replicas: 1,
            segments_max: 72,
            partition_bytes: 64 << 20,
            ..SimConfig::new(seed)
        };
        let cluster = SimCluster::new(config);
        cluster.start();
        cluster.world.block_on(async {
            let mut stored = Stored::new(&cluster, 3).await;
            let another = ClientConfig { timeout: PATIENCE, ..ClientConfig::default() };
            cluster.client("another", another).create_table("empty", 3).await.expect("created");
            stored.write(OBJECTS, 4_000).await;
            let dead = id(&cluster, 1);
            cluster.kill_storage(1);
            let when = format!("seed {seed}, s1 dead");
            settled(&cluster, &[dead], &when).await;
            stored.verify(&when).await;
        });
        let cuts = cluster.timeline.count(|event| matches!(event, Event::Cut { .. }));
        assert!((1..=3).contains(&cuts), "seed {seed}: {cuts} cuts: {:?}", cluster.timeline.events());
    }
}
