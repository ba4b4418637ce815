//! F3: what an earlier coordinator has granted may outlast what the present one grants.

use rekindle_coordinator::scripted::{Script, Stage};
use rekindle_coordinator::{ClusterSize, CoordinatorConfig, Times};
use rekindle_types::Request;
use std::time::Duration;

fn config(lease_ms: u64) -> CoordinatorConfig {
    let times = Times { lease: Duration::from_millis(lease_ms), ..Times::default() };
    CoordinatorConfig { times, ..CoordinatorConfig::new(ClusterSize::Replicas(2)) }
}

#[test]
fn a_successor_with_a_shorter_lease_waits_for_the_longer_one() {
    let stage = Stage::new(config(900));
    let script = &stage.script;
    stage.world.block_on(async {
        let ids = script.start_cluster(4, 2).await;
        stage.create("t", 4).await;
        script.cut_off(ids[0], true);
        let reigns = script.reigns();
        stage.succeed(config(200));
        assert!(script.wait_for(Stage::LONG, |s| s.reigns() > reigns).await);
        script.call(Request::Hint { from: ids[1], suspect: ids[0] }).await;
        let is_taken_over = |script: &Script| {
            let state = script.coordinator().map(|c| c.state());
            state.is_some_and(|s| s.servers().is_gone(ids[0]) && s.map().owned_by(ids[0]).next().is_none())
        };
        assert!(script.wait_for(Stage::LONG, is_taken_over).await, "it was not recovered");
        assert_eq!(script.violations(), Vec::<String>::new());
    });
}

#[test]
fn the_longest_lease_is_recorded_before_it_is_granted() {
    let stage = Stage::new(config(200));
    let script = &stage.script;
    stage.world.block_on(async {
        for (lease_ms, recorded) in [(200, 200), (900, 900), (200, 900)] {
            let reigns = script.reigns();
            stage.succeed(config(lease_ms));
            assert!(script.wait_for(Stage::LONG, |s| s.reigns() > reigns).await);
            let state = script.coordinator().expect("it reigns").state();
            assert_eq!(state.lease_ms_max(), recorded);
            assert_eq!(state.shape().map(|s| s.replicas), Some(2), "the shape stays");
        }
    });
}
