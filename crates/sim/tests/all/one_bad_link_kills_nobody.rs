//! F7. A link that loses everything one way, between two servers, is no death: probes by the coordinator and by
//! others go round it. Writes go on, with replicas on other backups.

use rekindle_client::ClientConfig;
use rekindle_coordinator::Event;
use rekindle_sim::{SimCluster, SimConfig, Workload, WorkloadConfig, check_settled, name};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn one_bad_link_kills_nobody() {
    let cluster = SimCluster::new(SimConfig::new(11));
    cluster.start();
    let client = cluster.client("client", ClientConfig { timeout: PATIENCE, ..ClientConfig::default() });
    cluster.world.block_on(async {
        assert!(cluster.until(PATIENCE, SimCluster::is_ready).await);
        let table = client.create_table("table", 12).await.unwrap();
        let env = cluster.world.node("client").env();
        let mut workload = Workload::start(WorkloadConfig::default(), table, env.clone());
        cluster.weather.cut(&name(1), &name(2));
        env.clock.sleep(Duration::from_secs(10)).await;
        let written = workload.counts().written;
        env.clock.sleep(Duration::from_secs(5)).await;
        assert!(workload.counts().written > written + 500, "{written}, then {:?}", workload.counts());
        cluster.weather.mend();
        workload.stop().await;
        assert!(
            cluster.until(PATIENCE, |cluster| check_settled(cluster).is_ok()).await,
            "{:?}",
            check_settled(&cluster)
        );
        workload.verify(PATIENCE).await.unwrap();
        assert_eq!(workload.breaches(), []);
    });
    let deaths = cluster.timeline.count(|event| matches!(event, Event::Fenced(_)));
    assert_eq!(deaths, 0, "{:?}", cluster.timeline.events());
}
