//! A stale map costs a refresh, not an error, and many callers share one refresh.

use crate::support::*;
use futures_util::future::join_all;
use rekindle_client::{ClientConfig, ClientError, Condition, Conditional, ObjectError};
use rekindle_env::memory::World;
use rekindle_types::{
    KeyRange, ListVersion, Refusal, RemoteError, Reply, ServerId, ServerList, TableId, TableInfo,
    TabletState, Version,
};
use std::time::Duration;

#[test]
fn a_moved_tablet_is_found() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 2);
    world.block_on(async {
        let table = cluster.table().await;
        table.put("k", "v").await.unwrap();
        for range in KeyRange::FULL.split_even(2) {
            let from = cluster.map.lock().lookup(TABLE, range.first()).unwrap().owner.0;
            cluster.place(range, 3 - from, 7);
        }
        assert_eq!(table.get("k").await, Ok(None), "the fakes do not move data");
        assert_eq!(table.put("k", "w").await, Ok(Version(1)));
    });
    assert_eq!(cluster.map_fetches(), 2);
}

#[test]
fn a_hundred_callers_share_a_refresh() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 2);
    world.block_on(async {
        let table = cluster.table().await;
        for (range, owner) in KeyRange::FULL.split_even(2).into_iter().zip([2, 1]) {
            cluster.place(range, owner, 7);
        }
        let puts = join_all(keys(100).into_iter().map(|k| table.put(k, "v"))).await;
        assert!(puts.iter().all(Result::is_ok));
    });
    assert_eq!(cluster.map_fetches(), 2);
}

#[test]
fn a_recovering_tablet_is_waited_for_without_asking_the_dead() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    cluster.place_in_map(KeyRange::FULL, 1, 1, TabletState::Recovering);
    let (helper, healer) = (cluster.clone(), cluster.env.clone());
    let healing = cluster.env.spawn.spawn(
        "heal",
        Box::pin(async move {
            healer.clock.sleep(Duration::from_millis(800)).await;
            helper.place(KeyRange::FULL, 1, 5);
        }),
    );
    world.block_on(async {
        let table = cluster.table().await;
        assert_eq!(table.put("k", "v").await, Ok(Version(1)));
        healing.join().await;
    });
    let waited = Duration::from_nanos(world.now().0);
    assert!(waited >= Duration::from_millis(800) && waited < Duration::from_millis(950), "{waited:?}");
    assert_eq!(cluster.masters[0].requests.lock().len(), 1);
    assert!(cluster.map_fetches() < 30, "{}", cluster.map_fetches());
}

#[test]
fn typed_refusals_are_waited_out() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    let busy = ObjectError::Busy { reason: "test".into(), is_unknown: false };
    let acts =
        [ObjectError::WrongMaster, ObjectError::Retry { after_ms: 10 }, busy, ObjectError::WrongMaster];
    cluster.masters[0].then(acts.map(Act::Refuse));
    cluster.masters[0].then([Act::NotDone]);
    world.block_on(async {
        let table = cluster.table().await;
        assert_eq!(table.put_if("k", "v", Condition::IfAbsent).await, Ok(Conditional::Done(Version(1))));
        let failed = Conditional::Failed { present: Some(Version(1)) };
        assert_eq!(table.put_if("k", "v", Condition::IfAbsent).await, Ok(failed));
    });
    assert_eq!(cluster.masters[0].requests.lock().len(), 7);
}

#[test]
fn a_coordinator_that_is_away_is_waited_for() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    cluster.replies.lock().extend([
        Err(RemoteError::NotDone("away".into())),
        Err(RemoteError::Unknown("lost".into())),
        Ok(Reply::Refused(Refusal::Retry { after_ms: 50, reason: "no leader".into() })),
    ]);
    world.block_on(async {
        let table = cluster.table().await;
        assert_eq!(table.get("k").await, Ok(None));
    });
    assert!(world.now().0 >= 50_000_000);
}

#[test]
fn tables_are_made_and_dropped() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    let client = cluster.client();
    world.block_on(async {
        assert_eq!(client.create_table("new", 1).await.unwrap().name(), "new");
        assert_eq!(client.table("new").await.unwrap().id().0, 9);
        assert!(matches!(client.table("none").await, Err(ClientError::NoSuchTable(_))));
        let exists = Ok(Reply::Refused(Refusal::TableExists("new".into())));
        cluster.replies.lock().push_back(exists.clone());
        assert!(matches!(client.create_table("new", 1).await, Err(ClientError::TableExists(_))));
        // After an unknown outcome nobody knows whose table it is.
        cluster.replies.lock().extend([Err(RemoteError::Unknown("lost".into())), exists]);
        assert!(matches!(client.create_table("new", 1).await, Err(ClientError::Unknown(_))));
        assert_eq!(client.drop_table("new").await, Ok(()));
        assert!(matches!(client.drop_table("new").await, Err(ClientError::NoSuchTable(_))));
        assert!(matches!(client.table("new").await, Err(ClientError::NoSuchTable(_))));
    });
}

#[test]
fn a_table_that_was_made_is_no_failure_when_the_map_does_not_come() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    let client =
        cluster.client_with(ClientConfig { timeout: Duration::from_millis(100), ..ClientConfig::default() });
    let info = TableInfo { name: "new".into(), id: TableId(9) };
    cluster.map.lock().insert_table(info.clone());
    cluster.replies.lock().push_back(Ok(Reply::Table(info)));
    cluster.replies.lock().extend((0..1_000).map(|_| Err(RemoteError::NotDone("away".into()))));
    world.block_on(async {
        let made = client.create_table("new", 1).await;
        assert_eq!(made.unwrap().id(), TableId(9));
    });
}

#[test]
fn calls_on_a_dropped_table_say_so() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    world.block_on(async {
        let table = cluster.table().await;
        cluster.change_map(|map| map.remove_table(TABLE));
        cluster.masters[0].tablets.lock().clear();
        assert!(matches!(table.get("k").await, Err(ClientError::NoSuchTable(_))));
    });
}

#[test]
fn masters_hear_of_each_newer_server_list_once() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    world.block_on(async {
        let client = cluster.client();
        assert!(client.table("table").await.is_ok());
        assert!(client.table("none").await.is_err(), "asks again");
        let servers = cluster.servers.lock().iter().cloned().collect::<Vec<_>>();
        *cluster.servers.lock() = ServerList::new(ListVersion(5), ServerId(9), servers.clone());
        assert!(client.table("none").await.is_err(), "asks again");
        *cluster.servers.lock() = ServerList::new(ListVersion(3), ServerId(8), servers);
        assert!(client.table("none").await.is_err(), "an older coordinator answers");
    });
    assert!(cluster.map_fetches() >= 4, "{}", cluster.map_fetches());
    assert_eq!(*cluster.lists.lock(), [ListVersion(1), ListVersion(5)]);
}
