//! F2. A master's renewals are answered no more: another one has its tablet, and takes a write. A client with an
//! old map reads from the first, whose clock says that its lease is over. Without the rule it reads what was
//! replaced.

use crate::lone_master::{LoneMaster, TABLE};
use bytes::Bytes;
use rekindle_client::{Master, ObjectCall, ObjectOp, ObjectReply, ObjectRequest, ObjectResult};
use rekindle_cluster::master::{Backing, Lease, ObjectService, Waiting};
use rekindle_env::memory::World;
use rekindle_types::{KeyRange, Lsn, RemoteError, Rules, SegmentId, TabletVersion};
use std::{sync::Arc, time::Duration};

const LEASE: Duration = Duration::from_millis(250);
const VERSION: TabletVersion = TabletVersion(3);

pub fn body(rules: Rules) -> Result<(), String> {
    let world = World::new(1);
    let former = LoneMaster::new(&world, 1, &[], rules);
    former.tablets.serve(TABLE, KeyRange::FULL, VERSION, SegmentId(0), Lsn(3));
    former.put("key", "replaced since");
    let lease = Arc::new(Lease::new(LEASE, rules));
    let service = ObjectService {
        clock: former.env.clock.clone(),
        store: former.store.clone(),
        log: former.log.clone(),
        tablets: former.tablets.clone(),
        lease: lease.clone(),
        backing: Arc::new(Backing::new(former.server, 0)),
        waiting: Waiting::new(1),
        wait_max: Duration::from_secs(1),
        retry_after: Duration::from_millis(20),
    };

    let sent = former.env.clock.now();
    world.run_for(Duration::from_millis(200));
    lease.renewed(sent, LEASE); // A late answer: it counts from sending.
    if found(&world.block_on(read(&service))).is_none() {
        return Err("refused within the lease".into());
    }
    world.run_for(Duration::from_millis(51));
    match found(&world.block_on(read(&service))) {
        None => Ok(()),
        Some(value) => Err(format!("{:?} was read after the lease", String::from_utf8_lossy(&value))),
    }
}

async fn read(service: &ObjectService) -> Result<ObjectReply, RemoteError> {
    let op = ObjectOp::Get { key: Bytes::from_static(b"key") };
    let call = ObjectCall { table: TABLE, tablet: VERSION, op };
    service.call(ObjectRequest { calls: vec![call], time_left_ms: 1000 }).await
}

fn found(reply: &Result<ObjectReply, RemoteError>) -> Option<Bytes> {
    match &reply.as_ref().ok()?.results[0] {
        Ok(ObjectResult::Found { value, .. }) => Some(value.clone()),
        _ => None,
    }
}
