//! F7: the vigil and the renewals have a thread of their own. What records is held up here; they are not.

use rekindle_coordinator::scripted::Stage;
use rekindle_coordinator::{ClusterSize, CoordinatorConfig, Event, Times};
use rekindle_env::memory::Node;
use rekindle_types::ServerId;
use std::time::Duration;

/// Five servers, tablets on all of them, and a coordinator that can record nothing any more.
async fn held_up(stage: &Stage) -> (Vec<ServerId>, Node) {
    let ids = stage.script.start_cluster(5, 2).await;
    stage.create("t", 5).await;
    let main = stage.world.node("coordinator");
    main.pause();
    (ids, main)
}

fn stage() -> Stage {
    Stage::new(CoordinatorConfig::new(ClusterSize::Replicas(2)))
}

#[test]
fn who_dies_while_nothing_can_be_recorded_is_condemned_at_once_and_declared_later() {
    let stage = stage();
    stage.world.block_on(async {
        let (ids, main) = held_up(&stage).await;
        stage.script.kill(ids[0]);
        stage.script.wait_for(Times::default().dead_after, |_| false).await;
        let events = stage.script.events();
        assert!(events.contains(&Event::Suspected(ids[0])) && !events.contains(&Event::Fenced(ids[0])));
        main.resume();
        let is_fenced =
            |s: &rekindle_coordinator::scripted::Script| s.events().contains(&Event::Fenced(ids[0]));
        // No silence has to be counted any more.
        assert!(stage.script.wait_for(Times::default().heartbeat, is_fenced).await);
        stage.settled().await;
        assert_eq!(stage.script.running().len(), 4);
    });
}

#[test]
fn who_is_heard_before_its_death_is_being_recorded_stays() {
    let stage = stage();
    stage.world.block_on(async {
        let (ids, main) = held_up(&stage).await;
        stage.script.cut_off(ids[0], true);
        stage.script.wait_for(Times::default().dead_after, |_| false).await;
        stage.script.cut_off(ids[0], false);
        stage.script.wait_for(Times::default().heartbeat * 2, |_| false).await;
        main.resume();
        stage.script.wait_for(Duration::from_secs(2), |_| false).await;
        let events = stage.script.events();
        assert!(events.contains(&Event::Suspected(ids[0])), "{events:?}");
        assert!(!events.contains(&Event::Detected(ids[0])), "{events:?}");
        stage.settled().await;
    });
}
