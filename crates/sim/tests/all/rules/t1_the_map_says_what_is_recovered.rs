//! T1. A table is dropped while the recovery of one of its owners is replaying. The recovery master then reports
//! its partition as committed. The map says that the table is gone: its pieces vanish. Without the rule they are
//! put back into the map, and a dropped table is served again.

use rekindle_coordinator::scripted::{ReplayScript, Stage};
use rekindle_coordinator::{ClusterSize, CoordinatorConfig, OrderKind};
use rekindle_types::{Reply, Rules};

pub fn body(rules: Rules) -> Result<(), String> {
    let config = CoordinatorConfig { rules, ..CoordinatorConfig::new(ClusterSize::Replicas(2)) };
    let stage = Stage::new(config);
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(4, 2).await;
        stage.create("dropped", 4).await;
        ids.iter().for_each(|id| stage.script.on_replay(*id, ReplayScript::Stall));
        stage.script.kill(ids[0]);
        let told = |id| stage.script.orders(id).iter().any(|(_, kind)| matches!(kind, OrderKind::Replay(_)));
        if !stage.script.wait_for(Stage::LONG, |_| ids.iter().any(|id| told(*id))).await {
            return Err("nobody was told to replay".to_owned());
        }
        if stage.drop_table("dropped").await != Reply::Done {
            return Err("the table was not dropped".to_owned());
        }
        ids.iter().filter(|id| told(**id)).for_each(|id| stage.script.finish_replay(*id));
        stage.settles().await?;
        let state = stage.script.coordinator().ok_or("no coordinator")?.state();
        match state.map().tablets().next() {
            None => Ok(()),
            Some(tablet) => Err(format!("a dropped table is back on {}: {}", tablet.owner, tablet.range)),
        }
    })
}
