//! L2: a recovery that fits in total comes to its end, whatever its plan took for even: a partition that fits nowhere is
//! cut, and what fits not even so waits, whole, and says what is missing.

use rekindle_coordinator::scripted::{ReplayScript, Script, Stage};
use rekindle_coordinator::{ClusterSize, CoordinatorConfig, Event, OrderKind};
use rekindle_types::{LogId, Reply, ServerId, ServerRoom, TableId, TabletState};
use std::time::Duration;

const SEGMENT: u64 = Script::PLENTY.segment_bytes as u64;

fn stage() -> Stage {
    Stage::new(CoordinatorConfig::new(ClusterSize::Replicas(2)))
}

/// Memory for so many segments.
fn memory(segments: u64) -> ServerRoom {
    ServerRoom { memory_free_bytes: segments * SEGMENT, ..Script::PLENTY }
}

async fn table(stage: &Stage, name: &str, tablets: usize, segments_each: u64) -> TableId {
    let Reply::Table(_) = stage.create(name, u32::try_from(tablets).unwrap()).await else {
        panic!("no table")
    };
    let table = stage.script.coordinator().unwrap().state().map().table(name).unwrap();
    stage.script.fill_table(table, tablets as u64 * segments_each * SEGMENT);
    table
}

fn cuts(script: &Script) -> usize {
    script.events().iter().filter(|event| matches!(event, Event::Cut { .. })).count()
}

fn segments(segments: u64) -> u32 {
    u32::try_from(segments * SEGMENT).unwrap()
}

async fn hear(stage: &Stage) {
    stage.script.wait_for(Duration::from_millis(200), |_| false).await;
}

#[test]
fn a_part_of_the_plan_that_has_all_the_bytes_is_cut_until_it_fits() {
    let stage = stage();
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(3, 2).await;
        let full = table(&stage, "full", 3, 36).await;
        table(&stage, "empty", 3, 0).await;
        stage.settled().await;
        ids.iter().for_each(|id| stage.script.set_room(*id, memory(36 + 22)));
        stage.script.give_log_of(ids[0], &ids[1..], segments(36));
        hear(&stage).await;
        stage.script.kill(ids[0]);
        stage.settled().await;
        assert!((1..=3).contains(&cuts(&stage.script)), "{:?}", stage.script.events());
        let state = stage.script.coordinator().unwrap().state();
        let owners: Vec<ServerId> = state.map().tablets_of(full).map(|t| t.owner).collect();
        assert!(
            ids[1..].iter().all(|id| owners.iter().filter(|owner| *owner == id).count() == 2),
            "{owners:?}"
        );
        // Who had the whole was told to forget it.
        let of_whole = |id: &ServerId| {
            let told =
                |order: &OrderKind| matches!(order, OrderKind::Discard { partition, .. } if partition.0 == 0);
            stage.script.orders(*id).iter().any(|(_, order)| told(order))
        };
        assert!(ids[1..].iter().any(of_whole));
    });
}

/// Its log is with one that dies; the others have so many segments free.
async fn orphan(stage: &Stage, free: u64) -> (Vec<ServerId>, TableId) {
    let ids = stage.script.start_cluster(4, 2).await;
    let whole = table(stage, "t", 4, 100).await;
    stage.settled().await;
    let large = stage.script.start("large").await;
    stage.script.on_replay(large, ReplayScript::Stall);
    ids.iter().for_each(|id| stage.script.set_room(*id, memory(100 + free)));
    stage.script.give_log_of(ids[0], &ids[1..3], segments(100));
    hear(stage).await;
    stage.script.kill(ids[0]);
    assert!(stage.script.wait_for(Stage::LONG, |s| s.was_told_to_replay(large)).await);
    stage.script.kill(large);
    (ids, whole)
}

#[test]
fn an_orphan_that_fits_on_nobody_goes_to_several() {
    let stage = stage();
    stage.world.block_on(async {
        let (ids, _) = orphan(&stage, 60).await;
        stage.settled().await;
        assert_eq!(cuts(&stage.script), 1);
        let state = stage.script.coordinator().unwrap().state();
        let of = |id: &ServerId| state.map().owned_by(*id).count();
        assert_eq!(ids[1..].iter().map(of).max(), Some(2), "nobody has both halves");
    });
}

#[test]
fn what_fits_nowhere_waits_whole_until_a_server_joins() {
    let stage = stage();
    stage.world.block_on(async {
        let (ids, _) = orphan(&stage, 1).await;
        assert!(!stage.script.wait_for(Stage::LONG, Script::is_quiet).await, "recovered into nothing");
        let missing = format!("{} bytes of memory are missing", segments(100) + (1 << 10));
        let says =
            |event: &Event| matches!(event, Event::Waiting { reason, .. } if reason.contains(&missing));
        assert_eq!(stage.script.events().iter().filter(|event| says(event)).count(), 1);
        let late = stage.script.start("late").await;
        stage.settled().await;
        assert_eq!(cuts(&stage.script), 0);
        let state = stage.script.coordinator().unwrap().state();
        assert_eq!(state.map().owned_by(late).count(), 1);
        assert!(state.map().owned_by(ids[0]).next().is_none());
    });
}

#[test]
fn of_what_does_not_fit_in_total_a_part_is_served_and_the_rest_waits() {
    let stage = stage();
    stage.world.block_on(async {
        let (ids, whole) = orphan(&stage, 20).await;
        assert!(!stage.script.wait_for(3 * Stage::LONG, Script::is_quiet).await, "recovered into nothing");
        let state = stage.script.coordinator().unwrap().state();
        let recovering = |t: &&rekindle_types::Tablet| t.state == TabletState::Recovering;
        let waiting = state.map().tablets_of(whole).filter(recovering).count();
        let served = ids[1..].iter().map(|id| state.map().owned_by(*id).count()).sum::<usize>() - 3;
        assert!(served >= 3 && waiting >= 1, "{served} pieces are served, {waiting} wait");
        let cuts_before = cuts(&stage.script);
        assert!(cuts_before < 16, "{cuts_before} cuts");
        hear(&stage).await;
        assert!(!stage.script.wait_for(Stage::LONG, |s| cuts(s) > cuts_before).await, "it cuts on and on");
        assert_eq!(state.partitions_of(LogId::of(ids[0])).filter(|p| p.is_open()).count(), waiting);
        stage.script.start("late").await;
        stage.settled().await;
    });
}

#[test]
fn what_waits_for_room_ends_when_its_table_is_dropped() {
    let stage = stage();
    stage.world.block_on(async {
        let (_, _) = orphan(&stage, 1).await;
        assert!(!stage.script.wait_for(Stage::LONG, Script::is_quiet).await, "recovered into nothing");
        assert_eq!(stage.drop_table("t").await, Reply::Done);
        stage.settled().await;
        assert_eq!(stage.script.coordinator().unwrap().state().map().tablets().count(), 0);
    });
}

#[test]
fn masters_that_always_refuse_for_want_of_memory_do_not_make_it_cut_for_ever() {
    let stage = stage();
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(4, 2).await;
        table(&stage, "t", 4, 8).await;
        stage.settled().await;
        stage.script.give_log_of(ids[0], &ids[1..3], segments(8));
        ids.iter().for_each(|id| stage.script.on_replay(*id, ReplayScript::NoRoom));
        stage.script.kill(ids[0]);
        assert!(!stage.script.wait_for(3 * Stage::LONG, Script::is_quiet).await, "recovered into nothing");
        let state = stage.script.coordinator().unwrap().state();
        assert!(state.partitions().count() < 64, "{} partitions", state.partitions().count());
        ids.iter().for_each(|id| stage.script.on_replay(*id, ReplayScript::Commit));
        stage.settled().await;
    });
}
