//! CreateTable and DropTable: spread evenly, acknowledged when every owner has confirmed, harmless when repeated.

use futures_util::future::{join, join4};
use rekindle_coordinator::scripted::Stage;
use rekindle_coordinator::{ClusterSize, CoordinatorConfig, Times, entity};
use rekindle_types::{Refusal, Reply, TableId};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

fn stage(size: ClusterSize) -> Stage {
    Stage::new(CoordinatorConfig::new(size))
}

#[test]
fn tablets_are_spread_evenly_and_served_when_the_call_returns() {
    let stage = stage(ClusterSize::Servers(4));
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(4, 2).await;
        for (name, tablets) in [("one", 1), ("two", 2), ("many", 9)] {
            assert!(matches!(stage.create(name, tablets).await, Reply::Table(_)));
            assert!(stage.script.is_all_served(), "every owner serves before the answer");
        }
        let state = stage.script.coordinator().unwrap().state();
        let counts: BTreeMap<_, _> = ids.iter().map(|id| (*id, state.map().owned_by(*id).count())).collect();
        assert!(counts.values().all(|n| *n == 3), "{counts:?}");
        for tablet in state.map().tablets() {
            let entity = entity::id::tablet(tablet.table, tablet.range.first());
            assert_eq!(tablet.version.0, state.version(entity).0, "T5: its version is its batch");
        }
    });
}

#[test]
fn no_table_before_the_expected_servers_are_there() {
    let stage = stage(ClusterSize::Servers(3));
    stage.world.block_on(async {
        stage.script.start_cluster(2, 1).await;
        let refused = Reply::Refused(Refusal::TooFewServers { have: 2, need: 3 });
        assert_eq!(stage.create("t", 1).await, refused);
        stage.script.start("third").await;
        assert!(matches!(stage.create("t", 1).await, Reply::Table(_)));
    });
}

#[test]
fn no_tablet_is_placed_on_a_server_without_a_first_head() {
    let stage = stage(ClusterSize::Replicas(1));
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(2, 1).await;
        let headless = stage.script.enlist("headless", None).await;
        stage.create("t", 12).await;
        let state = stage.script.coordinator().unwrap().state();
        assert_eq!(state.map().owned_by(headless).count(), 0);
        assert!(ids.iter().all(|id| state.map().owned_by(*id).count() == 6));
    });
}

#[test]
fn the_same_call_twice_makes_one_table() {
    let stage = stage(ClusterSize::Replicas(1));
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(2, 1).await;
        // One owner is hard to reach for a moment, so that the first call is pending when the second comes.
        let blink = async || {
            stage.script.cut_off(ids[0], true);
            stage.script.wait_for(Duration::from_millis(100), |_| false).await;
            stage.script.cut_off(ids[0], false);
        };
        let (one, two) = join(blink(), join(stage.create("t", 4), stage.create("t", 4))).await.1;
        assert_eq!(one, two);
        assert!(matches!(one, Reply::Table(_)), "{one:?}");
        assert_eq!(stage.create("t", 4).await, Reply::Refused(Refusal::TableExists("t".into())));
        let (one, two) = join(blink(), join(stage.drop_table("t"), stage.drop_table("t"))).await.1;
        assert_eq!((one, two), (Reply::Done, Reply::Done));
        assert_eq!(stage.drop_table("t").await, Reply::Refused(Refusal::NoSuchTable("t".into())));
        let Reply::Table(again) = stage.create("t", 1).await else { panic!("not made") };
        assert_eq!(again.id, TableId(2), "ids are never used twice");
    });
}

/// What is dropped is one table, not whatever has the name when the call comes, or comes again.
#[test]
fn a_late_drop_leaves_the_table_alone_that_has_the_name_since() {
    let stage = stage(ClusterSize::Replicas(1));
    stage.world.block_on(async {
        stage.script.start_cluster(2, 1).await;
        let Reply::Table(former) = stage.create("t", 4).await else { panic!("not made") };
        assert_eq!(stage.drop_exactly("t", former.id).await, Reply::Done);
        let Reply::Table(present) = stage.create("t", 4).await else { panic!("not made") };
        for (name, id) in [("t", former.id), ("another", present.id)] {
            let refused = Reply::Refused(Refusal::NoSuchTable(name.into()));
            assert_eq!(stage.drop_exactly(name, id).await, refused);
        }
        let table = stage.script.coordinator().unwrap().state().map().table("t");
        assert_eq!(table, Some(present.id));
    });
}

/// T8: a repeat is not answered before the owners have confirmed, also when the name is taken anew meanwhile.
#[test]
fn a_repeated_drop_waits_for_its_own_table_when_the_name_is_taken_anew() {
    let stage = stage(ClusterSize::Replicas(1));
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(2, 1).await;
        let Reply::Table(former) = stage.create("t", 4).await else { panic!("not made") };
        let pause = async |ms| {
            stage.script.wait_for(Duration::from_millis(ms), |_| false).await;
        };
        let is_back = Cell::new(false);
        let repeated = async {
            pause(40).await;
            let table = stage.script.coordinator().unwrap().state().map().table("t");
            assert!(table.is_some_and(|id| id != former.id), "taken anew");
            let reply = stage.drop_exactly("t", former.id).await;
            assert!(is_back.get(), "not every owner has confirmed");
            reply
        };
        let again = async {
            pause(20).await;
            stage.create("t", 2).await
        };
        let reached = async {
            pause(100).await;
            is_back.set(true);
            stage.script.cut_off(ids[0], false);
        };
        stage.script.cut_off(ids[0], true);
        let (dropped, repeated, again, ()) =
            join4(stage.drop_exactly("t", former.id), repeated, again, reached).await;
        assert_eq!((dropped, repeated), (Reply::Done, Reply::Done));
        let Reply::Table(again) = again else { panic!("not made: {again:?}") };
        assert_eq!(stage.script.coordinator().unwrap().state().map().table("t"), Some(again.id));
    });
}

#[test]
fn bad_tables_are_refused() {
    let stage = stage(ClusterSize::Replicas(1));
    stage.world.block_on(async {
        stage.script.start_cluster(2, 1).await;
        for (name, tablets) in [("", 1), ("t", 0), ("t", u32::MAX)] {
            let reply = stage.create(name, tablets).await;
            assert!(matches!(reply, Reply::Refused(Refusal::Invalid(_))), "{reply:?}");
        }
    });
}

/// T8: an owner that can't be reached may serve the table as long as its lease lasts.
#[test]
fn a_drop_waits_for_the_lease_of_an_owner_that_died() {
    let times = Times { lease: Duration::from_millis(900), ..Times::default() };
    let config = CoordinatorConfig { times, ..CoordinatorConfig::new(ClusterSize::Replicas(2)) };
    let stage = Stage::new(config);
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(4, 2).await;
        stage.create("t", 4).await;
        stage.script.cut_off(ids[0], true);
        let cut = stage.world.now();
        assert_eq!(stage.drop_table("t").await, Reply::Done);
        let waited = stage.world.now().since(cut);
        assert!(waited >= times.lease - times.heartbeat, "only {waited:?}");
    });
}

#[test]
fn what_is_done_is_not_sent_again_by_the_next_coordinator() {
    let stage = stage(ClusterSize::Replicas(1));
    stage.world.block_on(async {
        let ids = stage.script.start_cluster(3, 1).await;
        stage.create("t", 3).await;
        stage.drop_table("t").await;
        stage.create("kept", 3).await;
        let orders = || ids.iter().map(|id| stage.script.orders(*id)).collect::<Vec<_>>();
        let is_about_tablets = |order: &rekindle_coordinator::OrderKind| {
            use rekindle_coordinator::OrderKind::{Drop, Serve};
            matches!(order, Serve { .. } | Drop { .. })
        };
        let count = || orders().iter().flatten().filter(|(_, o)| is_about_tablets(o)).count();
        let before = (count(), stage.script.reigns());
        stage.meta.crash_after(0, rekindle_coordinator::meta::Recorded::No);
        let late = stage.script.start("late").await;
        stage.settled().await;
        assert!(stage.meta.has_crashed());
        assert_eq!((count(), stage.script.reigns()), (before.0, before.1 + 1));
        let state = stage.script.coordinator().unwrap().state();
        assert!(state.map().table("t").is_none() && state.map().table("kept").is_some());
        assert!(state.servers().is_up(late));
    });
}

#[test]
fn times_that_contradict_each_other_are_refused() {
    let ms = Duration::from_millis;
    let times = Times::default();
    assert!(times.validate().is_ok());
    for bad in [
        Times { lease: ms(150), ..times },
        Times { dead_after: ms(250), ..times },
        Times { replica_timeout: ms(1_000), ..times },
        Times { mass_grace: ms(900), ..times },
        Times { mass_grace_cold: ms(900), ..times },
        Times { heartbeat: ms(0), ..times },
    ] {
        assert!(bad.validate().is_err(), "{bad:?}");
    }
}

#[test]
fn the_number_of_replicas_follows_the_number_of_servers() {
    let replicas = |n| ClusterSize::Servers(n).shape().replicas;
    assert_eq!([1, 2, 3, 4, 5, 6, 60].map(replicas), [0, 1, 1, 2, 3, 3, 3]);
    assert_eq!(ClusterSize::Replicas(3).shape().servers_min, 4);
}
