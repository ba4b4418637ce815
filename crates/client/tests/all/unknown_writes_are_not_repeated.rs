//! After an unknown outcome only reads are called again: a write might overwrite what came after it.

use crate::support::*;
use rekindle_client::{ClientError, ObjectError, ObjectOp};
use rekindle_env::memory::World;
use rekindle_types::{ServerId, Version};
use std::time::Duration;

#[test]
fn a_put_whose_answer_is_lost_is_reported() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    cluster.masters[0].then([Act::LoseAnswer]);
    world.block_on(async {
        let table = cluster.table().await;
        assert!(matches!(table.put("k", "v").await, Err(ClientError::Unknown(_))));
        let object = table.get("k").await.unwrap().unwrap();
        assert_eq!(object.version, Version(1), "done exactly once");
        cluster.env.clock.sleep(Duration::from_millis(1)).await; // The hint is under way beside it.
    });
    let requests = cluster.masters[0].requests.lock();
    assert_eq!(requests.iter().flatten().filter(|op| matches!(op, ObjectOp::Put { .. })).count(), 1);
    assert_eq!(cluster.hints(), [ServerId(1)]);
}

#[test]
fn a_get_whose_answer_is_lost_is_repeated() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    cluster.masters[0].then([Act::LoseAnswer, Act::Silence]);
    world.block_on(async {
        let table = cluster.table().await;
        assert_eq!(table.get("k").await, Ok(None));
    });
    assert_eq!(cluster.masters[0].requests.lock().len(), 3);
    assert_eq!(cluster.hints(), [ServerId(1)], "one hint a second at most");
}

#[test]
fn an_answer_with_too_few_results_says_nothing() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    world.block_on(async {
        let table = cluster.table().await;
        cluster.masters[0].then([Act::CutAnswer]);
        let puts = table.multi_put(keys(3).into_iter().map(|k| (k, "v"))).await;
        assert!(puts.iter().all(|put| matches!(put, Err(ClientError::Unknown(_)))), "{puts:?}");
        cluster.masters[0].then([Act::CutAnswer]);
        let gets = table.multi_get(keys(3)).await;
        assert!(
            gets.iter().all(|get| matches!(get, Ok(Some(found)) if found.version == Version(1))),
            "{gets:?}"
        );
    });
}

#[test]
fn busy_says_itself_whether_a_write_is_unknown() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    let busy = |is_unknown| Act::Refuse(ObjectError::Busy { reason: "test".into(), is_unknown });
    cluster.masters[0].then([busy(false), busy(true)]);
    world.block_on(async {
        let table = cluster.table().await;
        assert!(matches!(table.delete("k").await, Err(ClientError::Unknown(_))));
        cluster.masters[0].then([busy(true)]);
        assert_eq!(table.get("k").await, Ok(None), "a read is repeated");
    });
}

#[test]
fn a_silent_master_is_reported_while_the_put_waits() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    cluster.masters[0].then([Act::Silence]);
    world.block_on(async {
        let table = cluster.table().await.within(Duration::from_secs(3));
        assert!(matches!(table.put("k", "v").await, Err(ClientError::Unknown(_))));
    });
    assert_eq!(cluster.hints(), [ServerId(1)]);
    let waited = Duration::from_nanos(world.now().0);
    assert!(waited >= Duration::from_secs(3) && waited < Duration::from_millis(3010), "{waited:?}");
}

#[test]
fn a_put_to_a_master_that_died_ends_when_the_list_says_so() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    cluster.masters[0].then([Act::Silence]);
    world.block_on(async {
        let table = cluster.table().await.within(Duration::from_secs(60));
        let put = table.put("k", "v");
        let death = async {
            cluster.env.clock.sleep(Duration::from_secs(2)).await;
            cluster.remove(1);
        };
        let (put, ()) = futures_util::future::join(put, death).await;
        assert!(matches!(put, Err(ClientError::Unknown(_))), "{put:?}");
    });
    let waited = Duration::from_nanos(world.now().0);
    assert!(waited >= Duration::from_secs(2) && waited < Duration::from_secs(3), "{waited:?}");
}
