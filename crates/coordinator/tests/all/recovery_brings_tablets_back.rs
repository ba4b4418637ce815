//! A dead server's tablets are served by others, its replicas freed, and it leaves the list; whatever else dies.

use rekindle_coordinator::scripted::{ReplayScript, Stage};
use rekindle_coordinator::{ClusterSize, CoordinatorConfig, OrderKind};
use rekindle_types::{
    Attempt, ListVersion, LogId, PartitionOutcome, PartitionReport, Reply, Request, SegmentId, ServerId,
    ServerRoom,
};

fn stage(replicas: u32) -> Stage {
    Stage::new(CoordinatorConfig::new(ClusterSize::Replicas(replicas)))
}

async fn cluster(stage: &Stage, servers: usize) -> Vec<ServerId> {
    let ids = stage.script.start_cluster(servers, 2).await;
    let tablets = u32::try_from(servers * 2).unwrap();
    assert!(matches!(stage.create("t", tablets).await, Reply::Table(_)));
    stage.settled().await;
    ids
}

#[test]
fn the_tablets_of_a_dead_server_are_served_by_others() {
    let stage = stage(2);
    stage.world.block_on(async {
        let ids = cluster(&stage, 4).await;
        stage.script.kill(ids[0]);
        stage.settled().await;
        assert!(stage.script.holders(ids[0]).is_empty(), "its replicas are freed");
        let state = stage.script.coordinator().unwrap().state();
        assert_eq!(state.map().tablets().count(), 8);
        assert!(state.map().owned_by(ids[0]).next().is_none());
        assert!(state.servers().entry(ids[0]).is_none() && state.servers().is_gone(ids[0]));
    });
}

#[test]
fn two_servers_that_die_at_once_are_both_recovered() {
    let stage = stage(2);
    stage.world.block_on(async {
        let ids = cluster(&stage, 7).await;
        stage.script.kill(ids[1]);
        stage.script.kill(ids[2]);
        stage.settled().await;
    });
}

#[test]
fn a_recovery_master_that_dies_before_its_batch_is_replaced() {
    let stage = stage(2);
    stage.world.block_on(async {
        let ids = cluster(&stage, 6).await;
        ids.iter().for_each(|id| stage.script.on_replay(*id, ReplayScript::Stall));
        stage.script.kill(ids[0]);
        let told = |id: &ServerId| stage.script.was_told_to_replay(*id);
        assert!(stage.script.wait_for(Stage::LONG, |_| ids.iter().any(told)).await);
        let master = *ids.iter().find(|id| told(id)).unwrap();
        ids.iter().for_each(|id| stage.script.on_replay(*id, ReplayScript::Commit));
        stage.script.kill(master);
        stage.settled().await;
        let attempts = |id: &ServerId| {
            stage
                .script
                .orders(*id)
                .into_iter()
                .filter_map(|(_, o)| match o {
                    OrderKind::Replay(order) if order.crashed.server == ids[0] => Some(order.attempt),
                    _ => None,
                })
                .collect::<Vec<_>>()
        };
        assert!(ids.iter().flat_map(attempts).any(|a| a > Attempt(1)), "nobody tried again");
    });
}

#[test]
fn a_failed_attempt_goes_elsewhere_and_is_discarded() {
    let stage = stage(2);
    stage.world.block_on(async {
        let ids = cluster(&stage, 4).await;
        stage.script.on_replay(ids[1], ReplayScript::Fail);
        stage.script.on_replay(ids[2], ReplayScript::Fail);
        stage.script.kill(ids[0]);
        stage.settled().await;
        let discarded = |id: &&ServerId| {
            stage.script.orders(**id).iter().any(|(_, o)| matches!(o, OrderKind::Discard { .. }))
        };
        assert!(ids[1..3].iter().filter(discarded).count() > 0);
        let state = stage.script.coordinator().unwrap().state();
        assert!(state.map().owned_by(ids[3]).count() >= 3);
    });
}

#[test]
fn an_incomplete_log_is_waited_for() {
    let stage = stage(2);
    stage.world.block_on(async {
        let ids = cluster(&stage, 5).await;
        let taken: Vec<_> = ids[1..].iter().map(|id| (*id, stage.script.take_log(ids[0], *id))).collect();
        stage.script.kill(ids[0]);
        assert!(!stage.script.wait_for(Stage::LONG, |s| s.is_quiet()).await, "recovered from nothing");
        for (backup, replicas) in taken.into_iter().filter(|(_, r)| !r.is_empty()).take(1) {
            stage.script.return_log(ids[0], backup, replicas);
        }
        stage.settled().await;
    });
}

#[test]
fn a_backup_that_enlists_during_a_recovery_is_asked_too() {
    let stage = stage(2);
    stage.world.block_on(async {
        let ids = cluster(&stage, 5).await;
        let mut taken = Vec::new();
        for id in &ids[1..] {
            let replicas = stage.script.take_log(ids[0], *id);
            taken = if replicas.is_empty() { taken } else { replicas };
        }
        stage.script.kill(ids[0]);
        assert!(!stage.script.wait_for(Stage::LONG, |s| s.is_quiet()).await, "recovered from nothing");
        let late = stage.script.start("late").await;
        stage.script.return_log(ids[0], late, taken);
        stage.settled().await;
    });
}

#[test]
fn servers_without_a_first_head_or_without_tablets_are_soon_gone() {
    let stage = stage(2);
    stage.world.block_on(async {
        let ids = cluster(&stage, 4).await;
        let headless = stage.script.enlist("headless", None).await;
        let empty = stage.script.start("empty").await;
        stage.settled().await;
        stage.script.kill(headless);
        stage.script.kill(empty);
        stage.settled().await;
        assert!(stage.script.coordinator().unwrap().state().map().tablets().all(|t| ids.contains(&t.owner)));
    });
}

#[test]
fn without_replicas_the_tablets_are_lost_and_said_so() {
    let stage = stage(0);
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(3, 0).await;
        stage.create("t", 6).await;
        stage.script.kill(ids[0]);
        stage.settled().await;
        let state = stage.script.coordinator().unwrap().state();
        assert_eq!(state.map().tablets().count(), 4);
        let lost = rekindle_coordinator::entity::Outcome::Lost { tablets: 2 };
        assert!(state.operations().any(|o| o.outcome == Some(lost.clone())));
    });
}

#[test]
fn a_table_dropped_during_its_recovery_stays_dropped() {
    let stage = stage(2);
    stage.world.block_on(async {
        let ids = cluster(&stage, 4).await;
        stage.create("other", 4).await;
        ids.iter().for_each(|id| stage.script.on_replay(*id, ReplayScript::Stall));
        stage.script.kill(ids[0]);
        let told = |id: &ServerId| stage.script.was_told_to_replay(*id);
        assert!(stage.script.wait_for(Stage::LONG, |_| ids.iter().any(told)).await);
        assert_eq!(stage.drop_table("t").await, Reply::Done);
        let masters: Vec<_> = ids.iter().filter(|id| told(id)).copied().collect();
        masters.iter().for_each(|id| stage.script.finish_replay(*id));
        stage.settled().await;
        let state = stage.script.coordinator().unwrap().state();
        assert!(state.map().table("t").is_none());
        assert_eq!(state.map().tablets().count(), 4);
    });
}

#[test]
fn an_owner_that_dies_before_it_was_told_does_not_lose_the_new_table() {
    let stage = stage(2);
    stage.world.block_on(async {
        let ids = cluster(&stage, 4).await;
        stage.script.kill(ids[2]);
        let reply = stage.script.call(Request::CreateTable { name: "new".into(), tablets: 4 }).await;
        assert!(matches!(reply, Reply::Table(_)), "{reply:?}");
        stage.settled().await;
    });
}

#[test]
fn a_recovery_that_lost_its_last_replicas_waits_for_them_without_new_attempts() {
    let stage = stage(2);
    stage.world.block_on(async {
        let ids = cluster(&stage, 6).await;
        ids.iter().for_each(|id| stage.script.on_replay(*id, ReplayScript::Stall));
        stage.script.kill(ids[0]);
        let told = |id: &ServerId| stage.script.was_told_to_replay(*id);
        assert!(stage.script.wait_for(Stage::LONG, |_| ids.iter().any(told)).await);
        // Both backups of the log go, one after the other; the log comes back with a new one.
        let kept = stage.script.take_log(ids[0], ids[1]);
        stage.script.take_log(ids[0], ids[2]);
        ids.iter().for_each(|id| stage.script.on_replay(*id, ReplayScript::Commit));
        let masters: Vec<_> = ids.iter().filter(|id| told(id)).copied().collect();
        for id in [ids[1], ids[2]] {
            stage.script.kill(id);
            stage.script.wait_for(std::time::Duration::from_secs(2), |_| false).await;
        }
        for id in masters.iter().filter(|id| !ids[1..3].contains(id)) {
            stage.script.finish_replay(*id);
        }
        let attempts = || {
            let state = stage.script.coordinator().unwrap().state();
            let of_it = state.partitions_of(LogId::of(ids[0])).map(|p| p.attempt);
            of_it.max().unwrap()
        };
        stage.script.wait_for(std::time::Duration::from_secs(3), |_| false).await;
        let before = attempts();
        stage.script.wait_for(std::time::Duration::from_secs(5), |_| false).await;
        assert_eq!(attempts(), before, "it should wait, not try again and again");
        let late = stage.script.start("late").await;
        stage.script.return_log(ids[0], late, kept);
        stage.settled().await;
    });
}

#[test]
fn a_backup_that_does_not_answer_does_not_hold_the_recovery_up() {
    let stage = stage(2);
    stage.world.block_on(async {
        let ids = cluster(&stage, 6).await;
        stage.script.kill(ids[0]);
        let gone = |script: &rekindle_coordinator::scripted::Script| {
            script.coordinator().is_some_and(|c| c.state().servers().is_gone(ids[0]))
        };
        assert!(stage.script.wait_for(Stage::LONG, gone).await);
        // It holds nothing of the log, and is not yet suspected.
        stage.script.cut_off(ids[4], true);
        let start = stage.world.now();
        let served = |script: &rekindle_coordinator::scripted::Script| {
            script.coordinator().is_some_and(|c| c.state().map().owned_by(ids[0]).next().is_none())
        };
        assert!(stage.script.wait_for(Stage::LONG, served).await);
        let took = stage.world.now().since(start);
        assert!(took < std::time::Duration::from_millis(700), "{took:?}");
    });
}

#[test]
fn a_partition_that_failed_everywhere_is_tried_everywhere_again() {
    let stage = stage(2);
    stage.world.block_on(async {
        // It has least to do, and can't replay.
        let unable = stage.script.enlist("unable", None).await;
        let ids = cluster(&stage, 4).await;
        let head = Request::StoreFloor { log: LogId::of(unable), floor: SegmentId(1) };
        assert_eq!(stage.script.call(head).await, Reply::Done);
        let others = &ids[1..];
        stage.script.on_replay(unable, ReplayScript::Fail);
        others.iter().for_each(|id| stage.script.on_replay(*id, ReplayScript::Fail));
        stage.script.kill(ids[0]);
        let tried =
            |id: &ServerId| stage.script.orders(*id).iter().any(|(_, o)| matches!(o, OrderKind::Replay(_)));
        assert!(stage.script.wait_for(Stage::LONG, |_| others.iter().all(tried) && tried(&unable)).await);
        others.iter().for_each(|id| stage.script.on_replay(*id, ReplayScript::Commit));
        stage.settled().await;
    });
}

#[test]
fn without_any_master_a_recovery_waits_for_one() {
    let stage = stage(2);
    stage.world.block_on(async {
        let owner = stage.script.start("owner").await;
        // Backups whose own logs have no first head can't be masters (T7).
        let mut backups = Vec::new();
        for name in ["one", "two", "three"] {
            backups.push(stage.script.enlist(name, None).await);
        }
        stage.script.give_log(owner, &backups);
        assert!(matches!(stage.create("t", 4).await, Reply::Table(_)));
        stage.script.kill(owner);
        assert!(!stage.script.wait_for(Stage::LONG, |s| s.is_quiet()).await, "recovered by nobody");
        let state = stage.script.coordinator().unwrap().state();
        assert_eq!(state.map().owned_by(owner).count(), 4, "nothing is given up");
        let late = stage.script.start("late").await;
        stage.settled().await;
        let state = stage.script.coordinator().unwrap().state();
        assert_eq!(state.map().owned_by(late).count(), 4);
    });
}

#[test]
fn a_result_that_is_reported_again_and_late_changes_nothing() {
    let stage = stage(2);
    stage.world.block_on(async {
        let ids = cluster(&stage, 4).await;
        ids.iter().for_each(|id| stage.script.on_replay(*id, ReplayScript::Stall));
        stage.script.kill(ids[0]);
        let replay = |id: ServerId| {
            let order = |(_, order)| match order {
                OrderKind::Replay(order) => Some(order),
                _ => None,
            };
            stage.script.orders(id).into_iter().find_map(order)
        };
        assert!(stage.script.wait_for(Stage::LONG, |_| ids.iter().any(|id| replay(*id).is_some())).await);
        let master = *ids.iter().find(|id| replay(**id).is_some()).unwrap();
        let order = replay(master).unwrap();
        ids.iter().for_each(|id| stage.script.on_replay(*id, ReplayScript::Commit));
        stage.script.finish_replay(master);
        stage.settled().await;
        let map = || stage.script.coordinator().unwrap().state().map().clone();
        let before = map();
        // Copies of the result, another one for the same attempt among them.
        for created in [100, 900] {
            let outcome = PartitionOutcome::Committed { created: SegmentId(created), bytes: 1, objects: 1 };
            let report = PartitionReport {
                crashed: order.crashed,
                partition: order.partition,
                attempt: order.attempt,
                outcome,
            };
            let list = ListVersion(0);
            let (room, reports) = (ServerRoom::default(), vec![report.clone(), report]);
            let renewal = Request::Renew { server: master, list, room, reports, replaying: vec![] };
            assert!(matches!(stage.script.call(renewal).await, Reply::Renewed { .. }));
        }
        stage.script.wait_for(std::time::Duration::from_secs(2), |_| false).await;
        assert_eq!(map(), before);
        stage.settled().await;
    });
}
