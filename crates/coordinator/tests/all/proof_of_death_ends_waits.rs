//! Rule F9: who is proven dead holds no lease that anybody has to wait for (T3, T8), and is no reason to believe that
//! the network is broken (F8). Without proof the same stories wait.

use futures_util::future::join;
use rekindle_coordinator::scripted::{ReplayScript, Script, Stage};
use rekindle_coordinator::{ClusterSize, CoordinatorConfig, Times};
use rekindle_types::{CoordinatorApi, Former, ListVersion, Refusal, Reply, Request, ServerId, ServerRoom};
use std::time::Duration;

/// A lease that outlasts everything else in a recovery by far.
const LEASE: Duration = Duration::from_millis(900);

fn stage() -> Stage {
    let times = Times { lease: LEASE, ..Times::default() };
    Stage::new(CoordinatorConfig { times, ..CoordinatorConfig::new(ClusterSize::Replicas(2)) })
}

/// Four servers with a table; then one process ends and `tell` is what the coordinator learns of it. How long it
/// takes until others own its tablets.
fn time_to_recover(tell: impl AsyncFnOnce(&Stage, &[ServerId])) -> Duration {
    let stage = stage();
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(4, 2).await;
        stage.create("t", 4).await;
        stage.script.kill(ids[0]);
        let killed = stage.world.now();
        tell(&stage, &ids).await;
        let is_taken_over = |script: &rekindle_coordinator::scripted::Script| {
            let state = script.coordinator().map(|c| c.state());
            state.is_some_and(|s| s.map().owned_by(ids[0]).next().is_none())
        };
        assert!(stage.script.wait_for(Stage::LONG, is_taken_over).await, "it was not recovered");
        let taken = stage.world.now().since(killed);
        stage.settled().await;
        taken
    })
}

fn renew(server: ServerId) -> Request {
    Request::Renew {
        server,
        list: ListVersion(0),
        room: ServerRoom::default(),
        reports: vec![],
        replaying: vec![],
    }
}

/// From elsewhere, with the lock of a copy of this server's store.
fn enlist_copy(server: ServerId) -> Request {
    let (name, address, domain) = ("server-0".to_owned(), "copy".to_owned(), "copy".to_owned());
    let former = Some(Former { server, is_store_held: true });
    Request::Enlist { name, address, domain, incarnation: 77, former }
}

fn assert_waited(taken: Duration) {
    assert!(taken >= LEASE - Times::default().heartbeat, "only {taken:?}");
}

fn assert_did_not_wait(taken: Duration) {
    assert!(taken < LEASE / 3, "{taken:?}");
}

#[test]
fn a_lease_that_was_handed_back_is_waited_for_by_nobody() {
    assert_did_not_wait(time_to_recover(async |stage, ids| {
        assert_eq!(stage.script.call(Request::Leave { server: ids[0] }).await, Reply::Done);
    }));
    assert_waited(time_to_recover(async |stage, ids| {
        stage.script.call(Request::Hint { from: ids[1], suspect: ids[0] }).await;
    }));
}

#[test]
fn an_exit_that_was_seen_ends_a_wait_that_has_begun() {
    assert_did_not_wait(time_to_recover(async |stage, ids| {
        assert_eq!(stage.script.call(Request::ReportExit { server: ids[0] }).await, Reply::Done);
    }));
    let told = Duration::from_millis(600);
    let taken = time_to_recover(async |stage, ids| {
        stage.script.call(Request::Hint { from: ids[1], suspect: ids[0] }).await;
        stage.script.wait_for(told, |_| false).await;
        let state = stage.script.coordinator().unwrap().state();
        assert!(!state.servers().is_up(ids[0]) && state.map().owned_by(ids[0]).next().is_some(), "it waits");
        assert_eq!(stage.script.call(Request::ReportExit { server: ids[0] }).await, Reply::Done);
    });
    assert!((told..told + LEASE / 6).contains(&taken), "{taken:?}");
}

#[test]
fn a_former_self_is_proven_dead_by_the_lock_of_its_store_only() {
    let enlist = |is_store_held| {
        time_to_recover(async |stage, ids| {
            let former = Some(Former { server: ids[0], is_store_held });
            stage.script.enlist_after("server-0", former).await;
        })
    };
    assert_did_not_wait(enlist(true));
    assert_waited(enlist(false));
}

#[test]
fn a_late_enlistment_proves_the_death_of_one_that_is_declared_dead_already() {
    let taken = time_to_recover(async |stage, ids| {
        stage.script.call(Request::Hint { from: ids[1], suspect: ids[0] }).await;
        let is_declared = |s: &rekindle_coordinator::scripted::Script| {
            !s.coordinator().unwrap().look(|s| s.servers().is_up(ids[0]))
        };
        assert!(stage.script.wait_for(LEASE, is_declared).await);
        let former = Some(Former { server: ids[0], is_store_held: true });
        stage.script.enlist_after("server-0", former).await;
    });
    assert!(taken < LEASE / 2, "{taken:?}");
}

#[test]
fn a_drop_does_not_wait_for_an_owner_that_is_proven_dead() {
    let stage = stage();
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(4, 2).await;
        stage.create("t", 4).await;
        stage.script.kill(ids[0]);
        let killed = stage.world.now();
        let exit = async {
            stage.script.wait_for(Duration::from_millis(100), |_| false).await;
            stage.script.call(Request::ReportExit { server: ids[0] }).await
        };
        assert_eq!(join(stage.drop_table("t"), exit).await, (Reply::Done, Reply::Done));
        assert_did_not_wait(stage.world.now().since(killed));
    });
}

#[test]
fn proven_deaths_hold_nothing_back() {
    let stage = Stage::new(CoordinatorConfig::new(ClusterSize::Replicas(3)));
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(6, 3).await;
        stage.create("t", 6).await;
        ids[..2].iter().for_each(|id| stage.script.kill(*id));
        // Two of six is not too many; the third is.
        for id in &ids[..2] {
            stage.script.call(Request::ReportExit { server: *id }).await;
        }
        stage.script.kill(ids[2]);
        let killed = stage.world.now();
        stage.settled().await;
        assert!(!stage.script.coordinator().unwrap().is_held());
        let times = Times::default();
        let taken = stage.world.now().since(killed);
        assert!(taken < times.mass_grace.min(times.dead_after * 2), "{taken:?}: it was held back");
    });
}

#[test]
fn a_proof_that_comes_during_a_hold_ends_it() {
    let stage = Stage::new(CoordinatorConfig::new(ClusterSize::Replicas(2)));
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(4, 2).await;
        stage.create("t", 4).await;
        ids[..2].iter().for_each(|id| stage.script.kill(*id));
        let is_held = |s: &rekindle_coordinator::scripted::Script| s.coordinator().unwrap().is_held();
        assert!(stage.script.wait_for(Duration::from_secs(1), is_held).await, "two of four are silent");
        let (former, name) = (Some(Former { server: ids[0], is_store_held: true }), "server-0");
        stage.script.enlist_after(name, former).await;
        assert!(!is_held(&stage.script), "one silent server of four is no mass death");
    });
}

#[test]
fn who_is_proven_dead_is_renewed_no_more() {
    let stage = stage();
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(4, 2).await;
        let coordinator = stage.script.coordinator().unwrap();
        let renewal = renew(ids[0]);
        // Polled first: its proof is noted, its record under way.
        let leave = coordinator.call(Request::Leave { server: ids[0] });
        let (left, renewed) = join(leave, coordinator.call(renewal.clone())).await;
        assert_eq!(left.unwrap(), Reply::Done);
        assert!(matches!(renewed.unwrap(), Reply::Refused(Refusal::Retry { .. })));
        let late = coordinator.call(renewal).await.unwrap();
        assert_eq!(late, Reply::Refused(Refusal::NotInCluster(ids[0])));
        for again in [Request::Leave { server: ids[0] }, Request::ReportExit { server: ids[0] }] {
            assert_eq!(coordinator.call(again).await.unwrap(), Reply::Done, "a repeat does no harm");
        }
        let stranger = coordinator.call(Request::ReportExit { server: ServerId(99) }).await.unwrap();
        assert!(matches!(stranger, Reply::Refused(Refusal::Retry { .. })), "{stranger:?}");
    });
}

/// One heartbeat more than a server may have been heard ago whose death others tell of.
const NOT_HEARD: Duration = Duration::from_millis(150);

/// A proof of the death of a server that is cut off, which runs and holds its lease; then its renewal comes through,
/// before anything was replayed. How long after that others own its tablets.
fn time_after_a_late_renewal(proof: fn(ServerId) -> Request, is_recorded: bool) -> Duration {
    let stage = stage();
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(4, 2).await;
        stage.create("t", 4).await;
        ids.iter().for_each(|id| stage.script.on_replay(*id, ReplayScript::Stall));
        stage.script.cut_off(ids[0], true);
        stage.script.wait_for(NOT_HEARD, |_| false).await;
        let coordinator = stage.script.coordinator().unwrap();
        let renewal = renew(ids[0]);
        let prove = coordinator.call(proof(ids[0]));
        // Polled first: the proof is noted, its record under way or done.
        if is_recorded {
            assert!(matches!(prove.await.unwrap(), Reply::Done | Reply::Enlisted(_)));
            let late = coordinator.call(renewal).await.unwrap();
            assert_eq!(late, Reply::Refused(Refusal::NotInCluster(ids[0])));
        } else {
            let (proven, _) = join(prove, coordinator.call(renewal)).await;
            assert!(matches!(proven.unwrap(), Reply::Done | Reply::Enlisted(_)));
        }
        let renewed = stage.world.now();
        let is_replaying = |s: &Script| ids[1..].iter().any(|id| s.was_told_to_replay(*id));
        assert!(stage.script.wait_for(LEASE / 2, is_replaying).await, "the wait does not keep the replay");
        for id in &ids[1..] {
            stage.script.on_replay(*id, ReplayScript::Commit);
            stage.script.finish_replay(*id);
        }
        let is_taken_over =
            |s: &Script| s.coordinator().unwrap().look(|s| s.map().owned_by(ids[0]).next().is_none());
        assert!(stage.script.wait_for(Stage::LONG, is_taken_over).await, "it was not recovered");
        stage.script.kill(ids[0]);
        stage.world.now().since(renewed)
    })
}

#[test]
fn a_renewal_contradicts_what_others_tell_of_a_servers_death() {
    let exit = |server| Request::ReportExit { server };
    for is_recorded in [false, true] {
        assert_waited(time_after_a_late_renewal(exit, is_recorded));
        assert_waited(time_after_a_late_renewal(enlist_copy, is_recorded));
        assert_did_not_wait(time_after_a_late_renewal(|server| Request::Leave { server }, is_recorded));
    }
}

#[test]
fn the_end_of_a_process_that_was_heard_just_now_is_not_believed() {
    let stage = stage();
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(4, 2).await;
        let coordinator = stage.script.coordinator().unwrap();
        for _ in 0..20 {
            for request in [Request::ReportExit { server: ids[0] }, enlist_copy(ids[0])] {
                let reply = coordinator.call(request).await.unwrap();
                let Reply::Refused(Refusal::Retry { reason, .. }) = reply else { panic!("{reply:?}") };
                assert!(reason.contains("heard just now"), "{reason}");
            }
            stage.script.wait_for(Duration::from_millis(30), |_| false).await;
        }
        assert!(coordinator.look(|state| state.servers().is_up(ids[0])));
        stage.script.kill(ids[0]);
        assert_eq!(stage.script.call(Request::ReportExit { server: ids[0] }).await, Reply::Done);
    });
}

#[test]
fn nobody_proves_the_death_of_another_or_of_itself() {
    let stage = stage();
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(4, 2).await;
        let coordinator = stage.script.coordinator().unwrap();
        let enlist = |name: &str, incarnation, server| {
            let (name, address, domain) = (name.to_owned(), name.to_owned(), name.to_owned());
            let former = Some(Former { server, is_store_held: true });
            coordinator.call(Request::Enlist { name, address, domain, incarnation, former })
        };
        let other = enlist("server-1", 77, ids[0]).await.unwrap();
        assert!(matches!(other, Reply::Refused(Refusal::Invalid(_))), "{other:?}");
        // It has adopted its store under the new id, and repeats the call whose answer was lost.
        let own = coordinator.look(|s| s.incarnation(ids[2])).unwrap();
        let repeat = enlist("server-2", own, ids[2]).await.unwrap();
        assert!(matches!(repeat, Reply::Enlisted(e) if e.server == ids[2]));
        for id in ids {
            let renewed = coordinator.call(renew(id)).await.unwrap();
            assert!(matches!(renewed, Reply::Renewed { .. }), "{id}: {renewed:?}");
        }
    });
}
