//! F3. A master is cut off right after a renewal and declared dead within its lease: it still answers reads. The
//! replay is done at once. The batch that re-points its tablets waits until the lease has surely run out. Without
//! the rule a new owner takes writes while the old one serves what they replaced.

use rekindle_coordinator::scripted::Stage;
use rekindle_coordinator::{ClusterSize, CoordinatorConfig, Times};
use rekindle_types::{Request, Rules};
use std::time::Duration;

pub fn body(rules: Rules) -> Result<(), String> {
    // A lease that outlasts suspicion, probes and replay by far.
    let times = Times { lease: Duration::from_millis(900), ..Times::default() };
    let config = CoordinatorConfig { rules, times, ..CoordinatorConfig::new(ClusterSize::Replicas(2)) };
    let stage = Stage::new(config);
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(4, 2).await;
        stage.create("t", 4).await;
        stage.script.cut_off(ids[0], true);
        stage.script.call(Request::Hint { from: ids[1], suspect: ids[0] }).await;
        let is_taken_over = |script: &rekindle_coordinator::scripted::Script| {
            let state = script.coordinator().map(|c| c.state());
            state.is_some_and(|s| s.servers().is_gone(ids[0]) && s.map().owned_by(ids[0]).next().is_none())
        };
        if !stage.script.wait_for(Stage::LONG, is_taken_over).await {
            return Err("it was not recovered".to_owned());
        }
        stage.script.wait_for(config.times.lease, |_| false).await;
        stage.script.violations().into_iter().next().map_or(Ok(()), Err)
    })
}
