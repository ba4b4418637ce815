//! Calls of a batch stand for themselves: what was done is not done again.

use crate::support::*;
use rekindle_client::{ClientConfig, ClientError, ObjectError, ObjectOp};
use rekindle_env::memory::World;
use rekindle_types::Version;

#[test]
fn a_batch_is_cut_by_master_and_comes_back_in_order() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 3);
    world.block_on(async {
        let table = cluster.table().await;
        let objects = keys(300).into_iter().map(|k| (k.clone(), k));
        assert!(table.multi_put(objects).await.iter().all(|r| *r == Ok(Version(1))));
        let found = table.multi_get(keys(300)).await;
        for (key, found) in keys(300).iter().zip(found) {
            assert_eq!(found.unwrap().unwrap().value, key.as_bytes());
        }
        assert!(table.multi_delete(keys(299)).await.iter().all(|r| *r == Ok(Some(Version(1)))));
        assert_eq!(table.multi_get(keys(300)).await.iter().filter(|r| **r == Ok(None)).count(), 299);
    });
    for master in &cluster.masters {
        assert_eq!(master.requests.lock().len(), 4, "one request per master and batch");
    }
}

#[test]
fn refused_puts_are_repeated_alone() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    cluster.masters[0].then([Act::RefuseOdd(ObjectError::Retry { after_ms: 3 })]);
    let results = world.block_on(async {
        let table = cluster.table().await;
        table.multi_put(keys(10).into_iter().map(|k| (k, "v"))).await
    });
    // A put that was done twice would have version 2.
    assert!(results.iter().all(|r| *r == Ok(Version(1))), "{results:?}");
    let requests: Vec<usize> = cluster.masters[0].requests.lock().iter().map(Vec::len).collect();
    assert_eq!(requests, [10, 5]);
    assert!(world.now().0 >= 3_000_000, "the server asked for 3 ms");
}

#[test]
fn large_batches_are_cut_into_requests() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    let config = ClientConfig { request_bytes_max: 1000, requests_max: 2, ..ClientConfig::default() };
    world.block_on(async {
        let table = cluster.client_with(config).table("table").await.unwrap();
        let results = table.multi_put(keys(20).into_iter().map(|k| (k, vec![0; 300]))).await;
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(table.put("big", vec![0; 5000]).await, Ok(Version(1)), "a large one goes alone");
    });
    let sizes = cluster.masters[0].requests.lock().iter().map(Vec::len).max();
    assert_eq!(sizes, Some(2));
}

#[test]
fn a_table_dropped_midway_fails_only_what_was_not_done() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    let results = world.block_on(async {
        let table = cluster.table().await;
        {
            let mut map = cluster.map.lock();
            map.remove_table(TABLE);
            map.version = map.version.next();
        }
        // It serves some before it hears of the drop.
        cluster.masters[0].then([Act::RefuseOdd(ObjectError::WrongMaster)]);
        table.multi_put(keys(10).into_iter().map(|k| (k, "v"))).await
    });
    for (at, result) in results.into_iter().enumerate() {
        match at % 2 {
            0 => assert_eq!(result, Ok(Version(1)), "{at}"),
            _ => assert!(matches!(result, Err(ClientError::NoSuchTable(_))), "{at}: {result:?}"),
        }
    }
}

#[test]
fn a_bad_key_or_a_full_memory_fails_its_own_call_only() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    cluster.masters[0].then([Act::RefuseOdd(ObjectError::Full)]);
    let keys = [b"".to_vec(), vec![1; 65_536], b"a".to_vec(), b"b".to_vec()];
    let results = world.block_on(async { cluster.table().await.multi_put(keys.map(|k| (k, "v"))).await });
    assert!(matches!(results[0], Err(ClientError::Invalid(_))));
    assert!(matches!(results[1], Err(ClientError::Invalid(_))));
    assert_eq!(results[2..], [Ok(Version(1)), Err(ClientError::Full)]);
    assert!(
        matches!(&cluster.masters[0].requests.lock()[..], [one] if matches!(one[0], ObjectOp::Put { .. }))
    );
}
