//! A call whose future is held, but not polled, holds nobody else up, as `buffer_unordered` holds its futures while the
//! loop over its results does something else. What calls share is done by tasks of its own.

use crate::support::*;
use futures_util::poll;
use rekindle_client::{ClientConfig, ClientError};
use rekindle_env::memory::World;
use rekindle_types::{KeyRange, TabletState};
use std::{pin::pin, sync::atomic::Ordering, time::Duration};

/// The tablet moves. A put has noticed, asks for the map and sleeps; a get needs the map too.
#[test]
fn in_the_middle_of_a_fetch() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    world.block_on(async {
        let table = cluster.table().await;
        cluster.place_in_map(KeyRange::FULL, 1, 9, TabletState::Recovering);
        cluster.masters[0].tablets.lock().clear();
        let sleep = |us| cluster.env.clock.sleep(Duration::from_micros(us));
        *cluster.slow_map.lock() = Some(Duration::from_millis(1));
        let mut put = pin!(table.put("k", "v"));
        // Polled until its fetch has begun, then no more.
        while cluster.map_fetches() < 2 {
            assert!(poll!(&mut put).is_pending());
            sleep(10).await;
        }
        cluster.place(KeyRange::FULL, 1, 20);
        let begun = world.now();
        assert_eq!(table.get("k").await, Ok(None));
        assert!(world.now().since(begun) < Duration::from_millis(50), "{:?}", world.now().since(begun));
        assert!(put.await.is_ok());
    });
}

/// The first to ask gives up: the others get what was asked for.
#[test]
fn nor_does_one_that_gives_up_in_the_middle_of_a_fetch() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    *cluster.slow_map.lock() = Some(Duration::from_millis(10));
    world.block_on(async {
        let client = cluster.client();
        let mut first = Box::pin(client.table("table"));
        let mut second = pin!(client.table("table"));
        assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
        cluster.env.clock.sleep(Duration::from_millis(1)).await;
        assert!(poll!(&mut first).is_pending());
        drop(first);
        assert!(second.await.is_ok());
    });
    assert_eq!(cluster.map_fetches(), 1);
}

/// Everybody gives up: the fetch ends for nobody, and the next call begins another.
#[test]
fn nor_do_all_who_give_up() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    world.block_on(async {
        let config = ClientConfig { timeout: Duration::from_millis(100), ..ClientConfig::default() };
        let client = cluster.client_with(config);
        cluster.is_silent.store(true, Ordering::Relaxed);
        assert!(matches!(client.table("table").await, Err(ClientError::TimedOut(_))));
        cluster.is_silent.store(false, Ordering::Relaxed);
        assert!(client.table("table").await.is_ok());
    });
}
