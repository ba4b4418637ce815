//! Rule V3 at the master: an answer that a crash could take back is held back; the wait ends in time and says what it
//! does not know.

use crate::lone_master::TABLE;
use bytes::Bytes;
use rekindle_client::{Condition, Master, ObjectCall, ObjectError, ObjectOp, ObjectRequest, ObjectResult};
use rekindle_cluster::master::{Backing, Lease, ObjectService, Tablets, Waiting};
use rekindle_env::{Env, memory::World};
use rekindle_log::{
    Log, LogConfig, Volatile,
    store::{Store, StoreConfig},
};
use rekindle_types::{KeyRange, LogId, Lsn, Rules, SegmentId, ServerId, TabletVersion};
use std::{sync::Arc, time::Duration};

const VERSION: TabletVersion = TabletVersion(3);

/// A master whose log becomes durable only when told.
fn master(env: &Env, waiting: u32) -> (Arc<ObjectService>, Arc<Log>) {
    let log = Log::new(LogConfig::new(LogId::of(ServerId(1))), Arc::new(Volatile)).unwrap();
    let tablets = Arc::new(Tablets::new(Rules::default()));
    tablets.serve(TABLE, KeyRange::FULL, VERSION, SegmentId(0), Lsn(3));
    let lease = Arc::new(Lease::new(Duration::from_secs(60), Rules::default()));
    lease.renewed(env.clock.now(), Duration::from_secs(60));
    let service = ObjectService {
        clock: env.clock.clone(),
        store: Store::new(log.clone(), StoreConfig::default()),
        log: log.clone(),
        tablets,
        lease,
        backing: Arc::new(Backing::new(ServerId(1), 0)),
        waiting: Waiting::new(waiting),
        wait_max: Duration::from_secs(10),
        retry_after: Duration::from_millis(20),
    };
    (Arc::new(service), log)
}

fn put(key: &'static str, condition: Condition) -> ObjectOp {
    ObjectOp::Put { key: Bytes::from(key), value: Bytes::from("value"), condition }
}

fn get(key: &'static str) -> ObjectOp {
    ObjectOp::Get { key: Bytes::from(key) }
}

fn request(ops: Vec<ObjectOp>, time_left_ms: u32) -> ObjectRequest {
    let calls = ops.into_iter().map(|op| ObjectCall { table: TABLE, tablet: VERSION, op }).collect();
    ObjectRequest { calls, time_left_ms }
}

fn busy(result: &Result<ObjectResult, ObjectError>) -> Option<bool> {
    match result {
        Err(ObjectError::Busy { is_unknown, .. }) => Some(*is_unknown),
        _ => None,
    }
}

#[test]
fn a_wait_ends_in_time_and_says_what_is_unknown() {
    let world = World::new(1);
    let env = world.node("a").env();
    let (service, log) = master(&env, 10);
    let ops =
        vec![put("key", Condition::Always), get("key"), put("key", Condition::IfAbsent), get("never there")];
    let start = env.clock.now();
    let reply = world.block_on(service.call(request(ops, 100))).unwrap();
    assert_eq!(env.clock.now().since(start), Duration::from_millis(100));
    assert_eq!(busy(&reply.results[0]), Some(true), "it was appended");
    assert_eq!(busy(&reply.results[1]), Some(false), "a value that may be lost is not shown");
    assert_eq!(busy(&reply.results[2]), Some(false), "nor a refusal that depends on it");
    assert_eq!(reply.results[3], Ok(ObjectResult::Absent), "nothing was ever removed there");

    let _run = env.spawn.spawn("log", Box::pin(async move { drop(log.run().await) }));
    let reply = world.block_on(service.call(request(vec![get("key")], 100))).unwrap();
    assert!(matches!(reply.results[0], Ok(ObjectResult::Found { .. })));
}

#[test]
fn an_answer_goes_out_once_all_it_depends_on_is_durable() {
    let world = World::new(1);
    let env = world.node("a").env();
    let (service, log) = master(&env, 10);
    let waits = {
        let service = service.clone();
        async move { service.call(request(vec![put("key", Condition::Always), get("key")], 1000)).await }
    };
    let late = async {
        env.clock.sleep(Duration::from_millis(500)).await;
        let _run = env.spawn.spawn("log", Box::pin(async move { drop(log.run().await) }));
        env.clock.sleep(Duration::from_millis(100)).await;
    };
    let start = env.clock.now();
    let (reply, ()) = world.block_on(futures_util::future::join(waits, late));
    assert!(env.clock.now().since(start) >= Duration::from_millis(500));
    let results = reply.unwrap().results;
    assert!(matches!(results[0], Ok(ObjectResult::Written(_))));
    assert!(matches!(results[1], Ok(ObjectResult::Found { .. })));
}

#[test]
fn reads_alone_wait_for_no_write() {
    let world = World::new(1);
    let env = world.node("a").env();
    let (service, _log) = master(&env, 10);
    let write = service.call(request(vec![put("key", Condition::Always)], 200));
    let read = async {
        env.clock.sleep(Duration::from_millis(100)).await;
        let reply = service.call(request(vec![get("key"), get("never there")], 200)).await.unwrap();
        (reply.results, env.clock.now())
    };
    let start = env.clock.now();
    let (write, (read, at)) = world.block_on(futures_util::future::join(write, read));
    assert_eq!(busy(&write.unwrap().results[0]), Some(true), "the write did wait");
    assert_eq!(read, [Ok(ObjectResult::Absent), Ok(ObjectResult::Absent)], "what is durable");
    assert_eq!(at.since(start), Duration::from_millis(100), "at once");
}

#[test]
fn requests_beyond_the_limit_are_shed_before_anything_is_done() {
    let world = World::new(1);
    let env = world.node("a").env();
    let (service, _log) = master(&env, 1);
    let first = service.call(request(vec![put("one", Condition::Always)], 200));
    let second = async {
        env.clock.sleep(Duration::from_millis(100)).await;
        service.call(request(vec![put("two", Condition::Always)], 200)).await
    };
    let (first, second) = world.block_on(futures_util::future::join(first, second));
    assert_eq!(busy(&first.unwrap().results[0]), Some(true));
    assert_eq!(busy(&second.unwrap().results[0]), Some(false));
    assert_eq!(service.store.objects(), 1);
    assert_eq!(service.waiting.requests(), 0, "places come back");
}
