//! Servers with little memory take writes for much longer than that would last, die in between, and are recovered:
//! cleaning goes on beside appends, replication and recoveries, frees what it cleans on the backups too, and what was
//! acknowledged holds.

use crate::stored::{PATIENCE, id, settled};
use rekindle_client::ClientConfig;
use rekindle_sim::{SimCluster, SimConfig, Workload, WorkloadConfig};
use std::time::Duration;

const SEEDS: u64 = 2;

#[test]
fn logs_are_cleaned_while_servers_die() {
    for seed in 0..SEEDS {
        // 24 segments in memory; each server has some 4 segments of data.
        let cluster = SimCluster::new(SimConfig { servers: 5, segments_max: 24, ..SimConfig::new(seed) });
        cluster.start();
        cluster.world.block_on(async {
            assert!(cluster.until(PATIENCE, SimCluster::is_ready).await, "seed {seed}: not ready");
            let client =
                cluster.client("maker", ClientConfig { timeout: PATIENCE, ..ClientConfig::default() });
            let table = client.create_table("table", 10).await.expect("created");
            let config = WorkloadConfig {
                clients: 4,
                keys: 60,
                value_bytes_max: 8_000,
                pause_max: Duration::from_millis(2),
            };
            let env = cluster.world.node("client").env();
            let clock = env.clock.clone();
            let mut workload = Workload::start(config, table, env);
            for server in 0..2 {
                clock.sleep(Duration::from_secs(2)).await;
                let dead = id(&cluster, server);
                cluster.kill_storage(server);
                assert!(cluster.until(PATIENCE, |c| c.has_left(dead)).await, "seed {seed}: s{server} stays");
                cluster.start_storage(server);
                assert!(cluster.until(PATIENCE, SimCluster::is_ready).await, "seed {seed}: s{server} is out");
            }
            clock.sleep(Duration::from_secs(2)).await;
            workload.stop().await;
            settled(&cluster, &[], "stopped").await;
            let breach = workload.breaches().first().map(ToString::to_string);
            assert_eq!(breach, None, "seed {seed}");
            workload.verify(PATIENCE).await.unwrap_or_else(|breach| panic!("seed {seed}: {breach}"));

            let (mut victims, mut survivors) = (0, 0);
            for (server, status) in cluster.statuses() {
                victims += status.cleaner.victims;
                survivors += status.cleaner.survivors;
                let (log, replication) = (status.log, status.replication);
                assert!(log.segments <= 24, "seed {seed}, s{server}: {log:?}");
                // H4: what has left the log has left the backups.
                assert!(
                    replication.segments <= log.segments as usize + 1,
                    "seed {seed}, s{server}: {replication:?}"
                );
            }
            let written = workload.counts().written * 4_000 / (64 << 10);
            assert!(written > 100, "seed {seed}: {:?} turn nothing over", workload.counts());
            assert!(victims > survivors + 30, "seed {seed}: {victims} segments became {survivors}");
        });
    }
}
