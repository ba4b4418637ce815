//! Single calls that are made at once share a request, and nothing else: each has its own outcome and its own time.

use crate::support::*;
use bytes::Bytes;
use futures_util::{FutureExt, future::join_all};
use rekindle_client::{ClientError, ObjectError, ObjectOp};
use rekindle_env::memory::World;
use rekindle_types::Version;
use std::{sync::Arc, time::Duration};

/// How many calls each request to the first master carried.
fn sizes(cluster: &Arc<Cluster>) -> Vec<usize> {
    cluster.masters[0].requests.lock().iter().map(Vec::len).collect()
}

#[test]
fn calls_made_at_once_share_a_request_per_master() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 3);
    world.block_on(async {
        let table = cluster.table().await;
        let puts = join_all(keys(100).into_iter().map(|key| table.put(key.clone(), key))).await;
        assert!(puts.iter().all(|put| put == &Ok(Version(1))), "{puts:?}");
        let gets = join_all(keys(100).into_iter().map(|key| table.get(key))).await;
        for (key, got) in keys(100).into_iter().zip(gets) {
            assert_eq!(got.unwrap().unwrap().value, key);
        }
    });
    for master in &cluster.masters {
        assert_eq!(master.requests.lock().len(), 2, "one of puts, one of gets");
    }
}

#[test]
fn reads_and_writes_do_not_mix() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    world.block_on(async {
        let table = cluster.table().await;
        let calls = (0..20).map(|i| {
            let (table, key) = (table.clone(), format!("key-{i}"));
            async move {
                match i % 3 {
                    0 => table.get(key).await.map(drop),
                    1 => table.put(key, "v").await.map(drop),
                    _ => table.delete(key).await.map(drop),
                }
            }
        });
        assert!(join_all(calls).await.iter().all(Result::is_ok));
    });
    let requests = cluster.masters[0].requests.lock();
    let is_read = |op: &ObjectOp| matches!(op, ObjectOp::Get { .. });
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|ops| ops.iter().all(is_read) || !ops.iter().any(is_read)), "{requests:?}");
}

#[test]
fn a_refused_call_is_tried_again_alone() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    cluster.masters[0].then([Act::RefuseOdd(ObjectError::Retry { after_ms: 5 })]);
    world.block_on(async {
        let table = cluster.table().await;
        let puts = join_all(keys(6).into_iter().map(|key| table.put(key, "v"))).await;
        assert!(puts.iter().all(|put| put == &Ok(Version(1))), "each done once: {puts:?}");
    });
    assert_eq!(sizes(&cluster), [6, 1, 1, 1]);
}

#[test]
fn a_lost_answer_is_unknown_to_writes_and_repeated_for_reads() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    cluster.masters[0].then([Act::LoseAnswer]);
    world.block_on(async {
        let table = cluster.table().await;
        let puts = join_all(keys(3).into_iter().map(|key| table.put(key, "v"))).await;
        assert!(puts.iter().all(|put| matches!(put, Err(ClientError::Unknown(_)))), "{puts:?}");
        for act in [Act::LoseAnswer, Act::CutAnswer, Act::NotDone] {
            cluster.masters[0].then([act]);
            let gets = join_all(keys(3).into_iter().map(|key| table.get(key))).await;
            assert!(gets.iter().all(|get| matches!(get, Ok(Some(o)) if o.version == Version(1))), "{gets:?}");
        }
    });
}

#[test]
fn each_call_ends_with_its_own_time_out() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    cluster.masters[0].then([Act::Silence]);
    world.block_on(async {
        let table = cluster.table().await;
        let short = table.within(Duration::from_millis(50));
        let begin = cluster.env.clock.now();
        let (slow, quick) = futures_util::join!(short.put("a", "v"), table.put("b", "v"));
        assert!(slow.is_err() && quick == Ok(Version(1)), "{slow:?}, {quick:?}");
        assert!(cluster.env.clock.now().since(begin) <= Duration::from_millis(51));
    });
    assert_eq!(sizes(&cluster), [1, 1]);
}

#[test]
fn a_caller_that_is_gone_or_sleeps_holds_nobody_up() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    world.block_on(async {
        let table = cluster.table().await;
        let mut gone = Box::pin(table.put("gone", "v"));
        let mut asleep = Box::pin(table.put("asleep", "v"));
        assert!((&mut gone).now_or_never().is_none() && (&mut asleep).now_or_never().is_none());
        drop(gone);
        assert_eq!(table.put("awake", "v").await, Ok(Version(1)));
        assert_eq!(table.get("gone").await, Ok(None), "it was given up before it was sent");
        assert_eq!(asleep.await, Ok(Version(1)));
    });
}

#[test]
fn large_values_travel_in_smaller_company() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    world.block_on(async {
        let table = cluster.table().await;
        let value = Bytes::from(vec![7; 256 << 10]);
        for key in keys(16) {
            table.put(key, value.clone()).await.unwrap();
        }
        cluster.masters[0].requests.lock().clear();
        for _ in 0..2 {
            join_all(keys(16).into_iter().map(|key| table.get(key))).await;
        }
    });
    assert_eq!(sizes(&cluster), [16, 4, 4, 4, 4], "the first answer tells how large they are");
}

#[test]
fn requests_stay_within_their_limit() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    world.block_on(async {
        let table = cluster.table().await;
        let value = Bytes::from(vec![7; 400 << 10]);
        let puts = join_all(keys(6).into_iter().map(|key| table.put(key, value.clone()))).await;
        assert!(puts.iter().all(Result::is_ok));
    });
    assert_eq!(sizes(&cluster), [2, 2, 2]);
}

#[test]
fn many_calls_travel_in_several_requests() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    world.block_on(async {
        let table = cluster.table().await;
        let puts = join_all(keys(300).into_iter().map(|key| table.put(key, "v"))).await;
        assert!(puts.iter().all(|put| put == &Ok(Version(1))));
    });
    assert_eq!(sizes(&cluster), [128, 128, 44]);
}
