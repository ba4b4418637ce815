//! L2, L3, O2: a recovery takes no memory and no frames that are not there; it waits, says what is missing, and goes on
//! by itself.

use rekindle_coordinator::scripted::{ReplayScript, Script, Stage};
use rekindle_coordinator::{ClusterSize, CoordinatorConfig, Event, OrderKind, ReplayOrder};
use rekindle_types::{Reply, ServerId, ServerRoom};
use std::{collections::BTreeMap, time::Duration};

/// A partition of the script's logs takes two segments.
const PARTITION: u64 = 2 * (64 << 10);
const NO_MEMORY: ServerRoom = ServerRoom { memory_free_bytes: 0, ..Script::PLENTY };

fn config() -> CoordinatorConfig {
    CoordinatorConfig::new(ClusterSize::Replicas(2))
}

/// With one tablet each.
async fn cluster(stage: &Stage, servers: usize) -> Vec<ServerId> {
    let ids = stage.script.start_cluster(servers, 2).await;
    assert!(matches!(stage.create("t", u32::try_from(servers).unwrap()).await, Reply::Table(_)));
    stage.settled().await;
    ids
}

/// Four servers without memory; the first dies, and is not recovered.
async fn kill_without_memory(stage: &Stage) -> Vec<ServerId> {
    let ids = cluster(stage, 4).await;
    set_room(stage, &ids, NO_MEMORY).await;
    stage.script.kill(ids[0]);
    assert!(!stage.script.wait_for(Stage::LONG, Script::is_quiet).await, "recovered into nothing");
    ids
}

/// Memory for so many partitions, beside the tablet that it has.
fn room_for(partitions: u64) -> ServerRoom {
    ServerRoom { memory_free_bytes: (64 << 10) + partitions * PARTITION, ..Script::PLENTY }
}

/// What the coordinator hears with the next renewals.
async fn set_room(stage: &Stage, ids: &[ServerId], room: ServerRoom) {
    ids.iter().for_each(|id| stage.script.set_room(*id, room));
    stage.script.wait_for(Duration::from_millis(200), |_| false).await;
}

fn replays(script: &Script, ids: &[ServerId]) -> Vec<(ServerId, ReplayOrder)> {
    let of = |id: &ServerId| {
        let orders = script.orders(*id).into_iter().filter_map(|(_, order)| match order {
            OrderKind::Replay(order) => Some(order),
            _ => None,
        });
        orders.map(|order| (*id, order)).collect::<Vec<_>>()
    };
    ids.iter().flat_map(of).collect()
}

fn waits(script: &Script, of: ServerId, what: &str) -> bool {
    script
        .events()
        .iter()
        .any(|event| matches!(event, Event::Waiting { dead, reason } if *dead == of && reason.contains(what)))
}

#[test]
fn without_memory_anywhere_a_recovery_waits_until_some_is_free() {
    let stage = Stage::new(config());
    stage.world.block_on(async {
        let ids = kill_without_memory(&stage).await;
        assert!(
            waits(&stage.script, ids[0], "2048 bytes of memory are missing"),
            "{:?}",
            stage.script.events()
        );
        assert!(replays(&stage.script, &ids).is_empty(), "nobody is asked for what it has not");
        set_room(&stage, &ids[2..3], room_for(1)).await;
        stage.settled().await;
        assert_eq!(replays(&stage.script, &ids)[0].0, ids[2]);
    });
}

#[test]
fn a_server_that_joins_takes_what_waits_for_memory() {
    let stage = Stage::new(config());
    stage.world.block_on(async {
        kill_without_memory(&stage).await;
        let late = stage.script.start("late").await;
        stage.settled().await;
        let state = stage.script.coordinator().unwrap().state();
        assert_eq!(state.map().owned_by(late).count(), 1);
    });
}

#[test]
fn recoveries_are_planned_against_each_others_reservations_also_by_the_next_coordinator() {
    let stage = Stage::new(config());
    stage.world.block_on(async {
        let ids = cluster(&stage, 8).await;
        ids.iter().for_each(|id| stage.script.on_replay(*id, ReplayScript::Stall));
        // Two have memory for one partition each.
        set_room(&stage, &ids, NO_MEMORY).await;
        set_room(&stage, &ids[6..], room_for(1)).await;
        let told = |n: usize| move |script: &Script| replays(script, &script.running()).len() == n;
        stage.script.kill(ids[0]);
        assert!(stage.script.wait_for(Stage::LONG, told(1)).await);
        // The record says what is reserved.
        stage.succeed(config());
        assert!(stage.script.wait_for(Stage::LONG, |s| s.reigns() == 2).await);
        stage.script.kill(ids[3]);
        let both = |s: &Script| {
            let dead: std::collections::BTreeSet<_> =
                replays(s, &s.running()).into_iter().map(|(_, order)| order.crashed.server).collect();
            dead.len() == 2
        };
        assert!(stage.script.wait_for(Stage::LONG, both).await);
        stage.script.kill(ids[5]);
        assert!(
            !stage
                .script
                .wait_for(Stage::LONG / 4, |s| {
                    replays(s, &s.running()).iter().any(|(_, order)| order.crashed.server == ids[5])
                })
                .await,
            "there is no room for a third"
        );
        assert!(waits(&stage.script, ids[5], "bytes of memory are missing"));
        let mut masters: BTreeMap<ServerId, ServerId> = BTreeMap::new();
        for (master, order) in replays(&stage.script, &ids) {
            masters.insert(order.crashed.server, master);
        }
        assert_ne!(masters[&ids[0]], masters[&ids[3]], "two on one that has room for one");

        ids.iter().for_each(|id| stage.script.on_replay(*id, ReplayScript::Commit));
        set_room(&stage, &ids[1..3], room_for(3)).await;
        ids[6..].iter().for_each(|id| stage.script.finish_replay(*id));
        stage.settled().await;
    });
}

#[test]
fn who_refuses_for_want_of_memory_is_passed_over() {
    let stage = Stage::new(config());
    stage.world.block_on(async {
        let ids = cluster(&stage, 4).await;
        stage.script.on_replay(ids[1], ReplayScript::NoRoom);
        stage.script.on_replay(ids[2], ReplayScript::NoRoom);
        stage.script.kill(ids[0]);
        stage.settled().await;
        let state = stage.script.coordinator().unwrap().state();
        assert_eq!(state.map().owned_by(ids[3]).count(), 2);
        let refused = stage.script.events().into_iter().filter_map(|event| match event {
            Event::AttemptFailed { reason, .. } => Some(reason),
            _ => None,
        });
        let reasons: Vec<String> = refused.collect();
        assert!(
            !reasons.is_empty() && reasons.iter().all(|r| r.contains("2048 bytes are needed, 0 are free"))
        );
    });
}

/// In which order two recoveries went: their plans, and their ends.
async fn two_deaths(stage: &Stage, frames_free: u64) -> Vec<(bool, ServerId)> {
    let ids = cluster(stage, 7).await;
    set_room(stage, &ids, ServerRoom { frames_free, ..Script::PLENTY }).await;
    ids.iter().for_each(|id| stage.script.on_replay(*id, ReplayScript::Stall));
    stage.script.kill(ids[1]);
    stage.script.kill(ids[2]);
    let told = |s: &Script| !replays(s, &s.running()).is_empty();
    assert!(stage.script.wait_for(Stage::LONG, told).await);
    stage.script.wait_for(Duration::from_secs(5), |_| false).await;
    ids.iter().for_each(|id| stage.script.on_replay(*id, ReplayScript::Commit));
    ids.iter().for_each(|id| stage.script.finish_replay(*id));
    stage.settled().await;
    let order = stage.script.events().into_iter().filter_map(|event| match event {
        Event::Planned { dead, .. } => Some((false, dead)),
        Event::Recovered(dead) => Some((true, dead)),
        _ => None,
    });
    order.collect()
}

#[test]
fn when_frames_are_short_recoveries_go_one_after_another() {
    let stage = Stage::new(config());
    stage.world.block_on(async {
        let order = two_deaths(&stage, 0).await;
        let [(false, first), (true, ended), (false, second), (true, last)] = order[..] else {
            panic!("{order:?}");
        };
        assert!(first == ended && second == last && first != second);
        assert!(waits(&stage.script, second, "0 frames are free"));
    });
}

#[test]
fn with_enough_frames_recoveries_go_at_the_same_time() {
    let stage = Stage::new(config());
    stage.world.block_on(async {
        let order = two_deaths(&stage, 1_000).await;
        assert!(matches!(order[..], [(false, _), (false, _), (true, _), (true, _)]), "{order:?}");
    });
}

#[test]
fn a_recovery_that_can_not_be_read_holds_no_other_up() {
    let stage = Stage::new(config());
    stage.world.block_on(async {
        let ids = cluster(&stage, 7).await;
        set_room(&stage, &ids, ServerRoom { frames_free: 0, ..Script::PLENTY }).await;
        ids.iter().for_each(|id| stage.script.on_replay(*id, ReplayScript::Stall));
        stage.script.kill(ids[0]);
        let told = |s: &Script| !replays(s, &s.running()).is_empty();
        assert!(stage.script.wait_for(Stage::LONG, told).await);
        // Nobody has its log any more, and its master dies: found again it is not.
        let kept = stage.script.take_log(ids[0], ids[1]);
        stage.script.take_log(ids[0], ids[2]);
        let master = replays(&stage.script, &stage.script.running())[0].0;
        ids.iter().for_each(|id| stage.script.on_replay(*id, ReplayScript::Commit));
        stage.script.kill(master);
        let other = *ids[1..].iter().find(|id| **id != master).unwrap();
        let recovered = |s: &Script| s.events().contains(&Event::Recovered(master));
        assert!(stage.script.wait_for(Stage::LONG, recovered).await, "it waited for the other");
        stage.script.return_log(ids[0], other, kept);
        stage.settled().await;
    });
}
