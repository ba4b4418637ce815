//! F4. A coordinator loses its office without noticing: it has nothing to record. One master still reaches it and nobody
//! else. The successor takes the master for dead, waits until its lease has surely run out and gives its tablets to
//! others. Without the rule the master is renewed all the while, and answers reads of what others overwrite.

use rekindle_coordinator::scripted::{Script, Stage};
use rekindle_coordinator::{ClusterSize, CoordinatorConfig};
use rekindle_types::Rules;
use std::sync::Arc;

pub fn body(rules: Rules) -> Result<(), String> {
    let config = CoordinatorConfig { rules, ..CoordinatorConfig::new(ClusterSize::Replicas(2)) };
    let stage = Stage::new(config);
    let script = &stage.script;
    stage.world.block_on(async {
        let ids = script.start_cluster(6, 2).await;
        stage.create("t", 6).await;
        let former = script.coordinator().ok_or("nobody reigns")?;
        script.stays_with(ids[0], &former);
        // The former one goes on: nobody has told it.
        let successors = script.clone().reign(config, Arc::new(stage.meta.clone()));
        let _task = stage.world.node("successor").env().spawn.spawn("reign", Box::pin(successors));
        let is_taken_over = |script: &Script| {
            let state = script.coordinator().map(|c| c.state());
            state.is_some_and(|s| s.servers().is_gone(ids[0]) && s.map().owned_by(ids[0]).next().is_none())
        };
        if !script.wait_for(Stage::LONG, is_taken_over).await {
            return Err("it was not recovered".to_owned());
        }
        script.wait_for(config.times.lease, |_| false).await;
        script.violations().into_iter().next().map_or(Ok(()), Err)
    })
}
