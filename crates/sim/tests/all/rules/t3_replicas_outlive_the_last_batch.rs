//! T3. A dead master is recovered in several partitions. One is committed, another one's master dies before its
//! batch: the partition goes elsewhere, and is read once more from the dead master's replicas. Without the rule
//! they are freed after the first batch, and what the second partition held is lost.

use rekindle_coordinator::scripted::{ReplayScript, Stage};
use rekindle_coordinator::{ClusterSize, CoordinatorConfig};
use rekindle_types::{LogId, Rules, ServerId};

pub fn body(rules: Rules) -> Result<(), String> {
    let config = CoordinatorConfig {
        rules,
        // The scripted log has 2 KiB: four partitions.
        partition_bytes: 512,
        ..CoordinatorConfig::new(ClusterSize::Replicas(2))
    };
    let stage = Stage::new(config);
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(6, 2).await;
        stage.create("t", 12).await;
        let (dead, slow) = (ids[0], ids[4]);
        stage.script.on_replay(slow, ReplayScript::Stall);
        stage.script.kill(dead);
        let masters = |is_committed: bool| -> Vec<ServerId> {
            let Some(coordinator) = stage.script.coordinator() else { return Vec::new() };
            let state = coordinator.state();
            let partitions = state.partitions_of(LogId::of(dead));
            partitions.filter(|p| p.is_committed() == is_committed).map(|p| p.master).collect()
        };
        let is_half_done = |_: &_| masters(false).contains(&slow) && !masters(true).is_empty();
        if !stage.script.wait_for(Stage::LONG, is_half_done).await {
            return Err("the situation did not come about".to_owned());
        }
        // Time enough for frees to arrive, too short for a death.
        stage.script.wait_for(config.times.heartbeat * 4, |_| false).await;
        stage.script.kill(slow);
        stage.settles().await
    })
}
