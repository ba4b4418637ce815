//! No call outlives its time-out, whatever is in its way, and says what that was.

use crate::support::*;
use futures_util::future::{Either, select};
use rekindle_client::{ClientConfig, ClientError, ObjectError};
use rekindle_env::memory::World;
use rekindle_types::{KeyRange, RemoteError, ServerId, TabletState, Version};
use std::{sync::atomic::Ordering, time::Duration};

const TIMEOUT: Duration = Duration::from_millis(700);

/// Runs a get and a put against a hindrance; each must end at its time-out, surely not done.
fn timed_out(hinder: impl Fn(&Cluster)) {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    world.block_on(async {
        let table = cluster.table().await.within(TIMEOUT);
        hinder(&cluster);
        for is_put in [true, false] {
            let begin = world.now();
            let error = match is_put {
                true => table.put("k", "v").await.unwrap_err(),
                false => table.get("k").await.unwrap_err(),
            };
            assert!(matches!(&error, ClientError::TimedOut(why) if !why.is_empty()), "{error:?}");
            let took = world.now().since(begin);
            assert!(took >= TIMEOUT && took < TIMEOUT + Duration::from_millis(5), "{took:?}");
        }
    });
}

#[test]
fn a_tablet_that_recovers_for_ever() {
    timed_out(|cluster| {
        cluster.place_in_map(KeyRange::FULL, 1, 1, TabletState::Recovering);
        cluster.masters[0].tablets.lock().clear();
    });
}

#[test]
fn a_master_that_is_always_wrong() {
    timed_out(|cluster| cluster.masters[0].tablets.lock().clear());
}

#[test]
fn a_master_that_asks_for_patience() {
    let acts = || (0..10_000).map(|_| Act::Refuse(ObjectError::Retry { after_ms: 1 }));
    timed_out(|cluster| cluster.masters[0].then(acts()));
}

#[test]
fn a_master_that_asks_for_more_patience_than_there_is() {
    let acts = || (0..10_000).map(|_| Act::Refuse(ObjectError::Retry { after_ms: u32::MAX }));
    timed_out(|cluster| cluster.masters[0].then(acts()));
}

#[test]
fn a_master_that_can_not_be_reached() {
    timed_out(|cluster| cluster.masters[0].then((0..10_000).map(|_| Act::NotDone)));
}

/// The deadline comes with the end of the first attempt: the hint about it is not waited for.
#[test]
fn nobody_who_hears_of_it() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    let timeout = ClientConfig::default().attempt_timeout / 2;
    world.block_on(async {
        let table = cluster.table().await.within(timeout);
        cluster.is_silent.store(true, Ordering::Relaxed);
        cluster.masters[0].then([Act::Silence, Act::Silence]);
        for is_put in [true, false] {
            let begin = world.now();
            let error = match is_put {
                true => table.put("k", "v").await.unwrap_err(),
                false => table.get("k").await.unwrap_err(),
            };
            assert!(matches!(&error, ClientError::Unknown(_) | ClientError::TimedOut(_)), "{error:?}");
            let took = world.now().since(begin);
            assert!(took <= timeout + Duration::from_millis(5), "{took:?}");
        }
    });
    assert_eq!(cluster.hints(), [ServerId(1)], "it is sent all the same");
}

#[test]
fn a_call_that_is_dropped_leaves_its_place_to_others() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    let config = ClientConfig { requests_max: 1, ..ClientConfig::default() };
    world.block_on(async {
        let table = cluster.client_with(config).table("table").await.unwrap().within(TIMEOUT);
        cluster.masters[0].then([Act::Silence]);
        let pause = cluster.env.clock.sleep(Duration::from_millis(10));
        let hanging = select(Box::pin(table.put("k", "v")), pause).await;
        assert!(matches!(hanging, Either::Right(_)), "nobody answers it");
        drop(hanging);
        assert_eq!(table.put("k", "w").await, Ok(Version(1)));
    });
}

#[test]
fn a_coordinator_that_is_away() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    let away = || Err(RemoteError::NotDone("away".into()));
    cluster.replies.lock().extend((0..10_000).map(|_| away()));
    let client = cluster.client_with(ClientConfig { timeout: TIMEOUT, ..ClientConfig::default() });
    world.block_on(async {
        assert!(matches!(client.table("table").await, Err(ClientError::TimedOut(_))));
        assert!(matches!(client.create_table("t", 1).await, Err(ClientError::TimedOut(_))));
    });
    assert!(world.now().0 <= 2 * 705_000_000, "{:?}", world.now());
    assert!(cluster.requests.lock().len() < 60, "back-off spares the coordinator");
}
