//! Membership: ids, names, former selves, zombies, and who hears of it.

use rekindle_coordinator::scripted::Stage;
use rekindle_coordinator::{ClusterSize, CoordinatorConfig, OrderKind};
use rekindle_types::{
    CoordinatorApi, Enlisted, Former, ListUpdate, ListVersion, LogId, Refusal, Reply, Request, SegmentId,
    ServerId, ServerRoom,
};
use std::time::Duration;

fn stage() -> Stage {
    Stage::new(CoordinatorConfig::new(ClusterSize::Replicas(1)))
}

fn enlist(name: &str, incarnation: u64, former: Option<ServerId>) -> Request {
    let (name, address, domain) = (name.to_owned(), "here".to_owned(), "rack".to_owned());
    let former = former.map(|server| Former { server, is_store_held: false });
    Request::Enlist { name, address, domain, incarnation, former }
}

async fn enlisted(stage: &Stage, request: Request) -> Enlisted {
    match stage.script.call(request).await {
        Reply::Enlisted(enlisted) => enlisted,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_repeated_enlistment_is_answered_with_the_same_id() {
    let stage = stage();
    stage.world.block_on(async {
        let first = enlisted(&stage, enlist("a", 7, None)).await;
        let again = enlisted(&stage, enlist("a", 7, None)).await;
        assert_eq!(first.server, again.server);
        assert!(first.list.is_up(first.server), "the list has it in it");
        assert_eq!(first.replicas, 1);
        let other = enlisted(&stage, enlist("b", 8, None)).await;
        assert!(other.server > first.server);
    });
}

#[test]
fn a_former_self_is_declared_dead_first_and_ids_are_never_reused() {
    let stage = stage();
    stage.world.block_on(async {
        let first = enlisted(&stage, enlist("a", 7, None)).await.server;
        let second = enlisted(&stage, enlist("a", 8, Some(first))).await;
        assert!(second.server > first && second.list.is_gone(first));
        let wrong = stage.script.call(enlist("b", 9, Some(second.server))).await;
        assert!(matches!(wrong, Reply::Refused(Refusal::Invalid(_))), "{wrong:?}");
    });
}

#[test]
fn a_record_that_is_older_than_the_data_of_servers_takes_none_of_them_in() {
    let stage = stage();
    stage.world.block_on(async {
        let first = enlisted(&stage, enlist("a", 7, None)).await.server;
        let coordinator = stage.script.coordinator().unwrap();
        for former in [ServerId(first.0 + 1), ServerId(77)] {
            for is_store_held in [false, true] {
                let mut request = enlist("b", 8, Some(former));
                if let Request::Enlist { former: Some(former), .. } = &mut request {
                    former.is_store_held = is_store_held;
                }
                let reply = coordinator.call(request).await.unwrap();
                let Reply::Refused(Refusal::Retry { reason, .. }) = reply else { panic!("{reply:?}") };
                assert!(reason.contains("record is older than your data"), "{reason}");
            }
        }
        let state = coordinator.state();
        assert_eq!((state.servers().iter().count(), state.next_server()), (1, ServerId(first.0 + 1)));
    });
}

#[test]
fn a_former_self_that_is_dead_or_never_was_is_declared_by_nobody() {
    let stage = stage();
    stage.world.block_on(async {
        let other = enlisted(&stage, enlist("other", 1, None)).await.server;
        let first = enlisted(&stage, enlist("a", 7, None)).await.server;
        let second = enlisted(&stage, enlist("a", 8, Some(first))).await;
        // Its process came back once more, and remembers the same former self.
        let third = enlisted(&stage, enlist("a", 9, Some(first))).await;
        assert!(third.list.is_gone(second.server) && third.list.is_up(third.server));
        assert!(third.server > second.server && other < third.server);
    });
}

#[test]
fn a_name_is_bound_to_one_id_until_that_is_dead() {
    let stage = stage();
    stage.world.block_on(async {
        let first = enlisted(&stage, enlist("a", 7, None)).await.server;
        // Repeated until the silent first one is declared dead.
        let second = enlisted(&stage, enlist("a", 8, None)).await;
        assert!(second.list.is_gone(first));
    });
}

#[test]
fn bad_names_are_refused() {
    let stage = stage();
    stage.world.block_on(async {
        for name in ["", &"x".repeat(256)] {
            let reply = stage.script.call(enlist(name, 1, None)).await;
            assert!(matches!(reply, Reply::Refused(Refusal::Invalid(_))), "{reply:?}");
        }
    });
}

#[test]
fn a_zombie_is_told_that_it_is_no_member_and_moves_no_floor() {
    let stage = stage();
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(4, 1).await;
        stage.create("t", 4).await;
        stage.script.cut_off(ids[0], true);
        let state = || stage.script.coordinator().map(|c| c.state());
        let is_recovered = |_: &_| state().is_some_and(|s| s.servers().entry(ids[0]).is_none());
        assert!(stage.script.wait_for(Stage::LONG, is_recovered).await);
        assert!(!stage.script.serving(ids[0]).is_empty(), "it does not know yet");
        assert_eq!(stage.script.violations(), Vec::<String>::new());
        let renewal = Request::Renew {
            server: ids[0],
            list: ListVersion(0),
            room: ServerRoom::default(),
            reports: vec![],
            replaying: vec![],
        };
        assert_eq!(stage.script.call(renewal).await, Reply::Refused(Refusal::NotInCluster(ids[0])));
        let floor = Request::StoreFloor { log: LogId::of(ids[0]), floor: SegmentId(9) };
        assert_eq!(stage.script.call(floor).await, Reply::Refused(Refusal::NotInCluster(ids[0])));
        stage.script.cut_off(ids[0], false);
        stage.script.wait_for(Duration::from_millis(200), |_| false).await;
        assert_eq!(stage.script.serving(ids[0]), []);
    });
}

/// A coordinator that was deposed and has not noticed must not end a server that enlisted with its successor.
#[test]
fn a_server_that_was_never_heard_of_is_not_told_that_it_is_removed() {
    let stage = stage();
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(4, 1).await;
        let coordinator = stage.script.coordinator().unwrap();
        let unheard = ServerId(ids.iter().map(|id| id.0).max().unwrap() + 1);
        let renewal = Request::Renew {
            server: unheard,
            list: ListVersion(0),
            room: ServerRoom::default(),
            reports: vec![],
            replaying: vec![],
        };
        let reply = coordinator.call(renewal).await;
        assert!(matches!(reply, Ok(Reply::Refused(Refusal::Retry { .. }))), "{reply:?}");
        let floor = Request::StoreFloor { log: LogId::of(unheard), floor: SegmentId(9) };
        let reply = coordinator.call(floor).await;
        assert!(matches!(reply, Ok(Reply::Refused(Refusal::Retry { .. }))), "{reply:?}");
    });
}

#[test]
fn floors_only_grow() {
    let stage = stage();
    stage.world.block_on(async {
        let server = stage.script.start("a").await;
        let log = LogId::of(server);
        for (floor, stored) in [(5, 5), (3, 5), (5, 5), (6, 6)] {
            let reply = stage.script.call(Request::StoreFloor { log, floor: SegmentId(floor) }).await;
            assert_eq!(reply, Reply::Done);
            let state = stage.script.coordinator().unwrap().state();
            assert_eq!(state.floor(log), Some(SegmentId(stored)));
        }
    });
}

#[test]
fn members_hear_of_changes_in_order_and_in_increments() {
    let stage = stage();
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(3, 1).await;
        stage.settled().await;
        stage.script.cut_off(ids[0], true);
        let late: Vec<ServerId> =
            vec![stage.script.start("late-1").await, stage.script.start("late-2").await];
        stage.script.cut_off(ids[0], false);
        stage.script.wait_for(Duration::from_secs(2), |_| false).await;
        let list = stage.script.coordinator().unwrap().state().servers().clone();
        assert!(list.is_up(ids[0]) && late.iter().all(|s| list.is_up(*s)), "a short cut kills nobody");
        for id in ids.iter().chain(&late) {
            let mut version = ListVersion(0);
            for (_, order) in stage.script.orders(*id) {
                let OrderKind::List(update) = order else { continue };
                let (from, to) = match update {
                    ListUpdate::Full(list) => (version, list.version()),
                    ListUpdate::Increment { from, to, .. } => (from, to),
                };
                assert!(to > version, "{id} got {to} after {version}");
                assert!(version == ListVersion(0) || from <= version, "{id} missed something before {from}");
                version = to;
            }
        }
    });
}
