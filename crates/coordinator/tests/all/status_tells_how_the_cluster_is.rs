//! Operators see servers with leases and room, tablets with owners, and recoveries as they go on.

use rekindle_coordinator::scripted::{ReplayScript, Script, Stage};
use rekindle_coordinator::{ClusterSize, CoordinatorConfig, Times};
use rekindle_types::{
    Attempt, ClusterStatus, ListVersion, LogId, PartitionProgress, PartitionReplay, RecoveryPhase,
    RecoveryStatus, Reply, Request, ServerId, ServerRoom, ServerStatus, TabletState,
};
use std::time::Duration;

async fn status(stage: &Stage) -> ClusterStatus {
    match stage.script.call(Request::Status).await {
        Reply::Status(status) => *status,
        other => panic!("{other:?}"),
    }
}

fn recovery(status: &ClusterStatus, dead: ServerId) -> &RecoveryStatus {
    status.recoveries.iter().find(|recovery| recovery.server == dead).unwrap()
}

#[test]
fn of_a_quiet_cluster() {
    let stage = Stage::new(CoordinatorConfig::new(ClusterSize::Replicas(2)));
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(5, 2).await;
        stage.create("t", 10).await;
        stage.settled().await;
        let status = status(&stage).await;
        assert_eq!((status.replicas, status.failures, status.failures_at_once), (2, 2, 2));
        assert!(status.advice.contains("recovers by itself from 2 deaths"), "{}", status.advice);
        assert!(!status.is_held && status.recoveries.is_empty());
        assert_eq!(status.servers.iter().map(|server| server.entry.id).collect::<Vec<_>>(), ids);
        let lease = Times::default().lease.as_millis() as u64;
        for server in &status.servers {
            assert!(
                server.is_placeable && server.renewed_ms_ago.is_some_and(|age| age < lease),
                "{server:?}"
            );
            assert!(server.room.is_some_and(|room| room.memory_free_bytes > 0), "{server:?}");
        }
        assert_eq!((status.tables.len(), status.tablets.len()), (1, 10));
    });
}

#[test]
fn of_a_recovery_from_discovery_to_its_end() {
    let config =
        CoordinatorConfig { partition_bytes: 1 << 20, ..CoordinatorConfig::new(ClusterSize::Replicas(2)) };
    let stage = Stage::new(config);
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(5, 2).await;
        let Reply::Table(table) = stage.create("t", 10).await else { panic!("no table") };
        stage.script.fill_table(table.id, 20 << 20);
        stage.script.give_log_of(ids[0], &ids[1..3], 4 << 20);
        stage.settled().await;
        ids.iter().for_each(|id| stage.script.on_replay(*id, ReplayScript::Stall));
        stage.script.kill(ids[0]);
        assert!(
            stage
                .script
                .wait_for(Stage::LONG, |script| ids.iter().any(|id| script.was_told_to_replay(*id)))
                .await
        );
        let during = status(&stage).await;
        let dead = during.servers.iter().find(|server| server.entry.id == ids[0]).unwrap();
        assert_eq!(dead.entry.status, ServerStatus::Dead);
        assert_eq!(during.failures, 1, "less until it is over");
        let tablets = during.tablets.iter().filter(|tablet| tablet.state == TabletState::Recovering);
        assert!(tablets.count() > 0);
        let under_way = recovery(&during, ids[0]);
        assert_eq!(under_way.phase, RecoveryPhase::Replaying);
        assert!(!under_way.partitions.is_empty());
        assert!(under_way.partitions.iter().all(|part| part.progress == PartitionProgress::Replaying));

        // What its master tells of a partition is told on; others tell nothing of it.
        let told = under_way.partitions[0];
        let tell = async |server, attempt, bytes| {
            let (crashed, partition) = (LogId::of(ids[0]), told.index);
            let (list, room) = (ListVersion(0), ServerRoom::default());
            let replaying = vec![PartitionReplay { crashed, partition, attempt, bytes }];
            let renewal = Request::Renew { server, list, room, reports: vec![], replaying };
            assert!(matches!(stage.script.call(renewal).await, Reply::Renewed { .. }));
            let status = status(&stage).await;
            recovery(&status, ids[0]).partitions.iter().map(|part| part.bytes_replayed).collect::<Vec<_>>()
        };
        let none = vec![0; under_way.partitions.len()];
        let other = *ids[1..].iter().find(|id| **id != told.master).unwrap();
        assert_eq!(tell(other, told.attempt, 7).await, none);
        assert_eq!(tell(told.master, Attempt(told.attempt.0 + 1), 8).await, none);
        assert_eq!(tell(told.master, told.attempt, 9).await, [&[9], &none[1..]].concat());
        assert_eq!(tell(told.master, told.attempt, u64::MAX).await, [&[told.bytes], &none[1..]].concat());

        // One replays: its partitions go on, the others' don't.
        let first = under_way.partitions[0].master;
        stage.script.finish_replay(first);
        let goes_on = |status: &ClusterStatus| {
            let parts = &recovery(status, ids[0]).partitions;
            parts.iter().all(|p| (p.progress > PartitionProgress::Replaying) == (p.master == first))
        };
        let mut seen = status(&stage).await;
        for _ in 0..1_000 {
            if goes_on(&seen) {
                break;
            }
            stage.script.wait_for(Times::default().heartbeat, |_| false).await;
            seen = status(&stage).await;
        }
        assert!(goes_on(&seen), "{:?}", seen.recoveries);

        ids.iter().for_each(|id| stage.script.on_replay(*id, ReplayScript::Commit));
        ids[1..].iter().for_each(|id| stage.script.finish_replay(*id));
        stage.settled().await;
        let after = status(&stage).await;
        assert!(after.recoveries.is_empty() && after.servers.len() == 4);
        assert!(after.tablets.iter().all(|tablet| tablet.state == TabletState::Normal));
    });
}

#[test]
fn who_takes_no_replicas_helps_nobody_bear_a_death() {
    let stage = Stage::new(CoordinatorConfig::new(ClusterSize::Replicas(2)));
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(5, 2).await;
        assert_eq!(status(&stage).await.failures, 2);
        for (refusing, failures) in [(1, 1), (2, 0)] {
            stage.script.set_room(ids[refusing], ServerRoom { frames_free: 0, ..Script::PLENTY });
            stage.script.wait_for(Duration::from_millis(200), |_| false).await;
            let status = status(&stage).await;
            assert_eq!((status.failures, status.failures_at_once), (failures, failures));
            assert!(status.advice.contains("none (no free frame, or its disk failed)"), "{}", status.advice);
        }
    });
}
