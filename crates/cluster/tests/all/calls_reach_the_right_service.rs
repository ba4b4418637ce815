//! Every stub's call arrives at the trait behind it, and its answer comes back.

use crate::support::*;
use bytes::Bytes;
use rekindle_backup::{BackupError, BackupStore, LoadRequest, ReadPlan, ReplicaFree};
use rekindle_client::{Master, ObjectCall, ObjectOp, ObjectRequest, ObjectResult};
use rekindle_cluster::wire::{Party, RemoteBackup, RemoteControl, RemoteCoordinator, RemoteMaster};
use rekindle_coordinator::{Order, OrderKind, Report, ServerControl};
use rekindle_types::{
    CoordinatorApi, ListVersion, LogId, Reply, Request, ServerId, SessionNumber, TableId, TabletVersion, Term,
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

pub fn get() -> ObjectCall {
    let op = ObjectOp::Get { key: Bytes::from_static(b"k") };
    ObjectCall { table: TableId(1), tablet: TabletVersion(2), op }
}

#[test]
fn a_backup_is_called() {
    let net = Net::calm();
    let (fake, _serve) = net.serve("b", server(2));
    let backup =
        |from: Party, at: &str| RemoteBackup::new(net.peers(at, from), peer(server(2), "b"), SECOND, SECOND);
    let (master, coordinator) = (backup(server(1), "m"), backup(Party::Coordinator, "c"));
    net.world.block_on(async {
        assert_eq!(master.write(write(1)).await, Err(BackupError::NotOpen(replica(1))));
        assert_eq!(master.free(ReplicaFree { replica: replica(1), session: SessionNumber(1) }).await, Ok(()));
        let loaded = master.load(replica(9), LoadRequest::Whole).await.unwrap();
        assert_eq!(loaded.bytes.len(), 100_000);
        let log = LogId::of(ServerId(1));
        assert_eq!(coordinator.inventory(log, ListVersion(4)).await, Ok(vec![]));
        assert_eq!(coordinator.start_recovery(log, ReadPlan::default()).await, Ok(()));
        assert_eq!(coordinator.stats().await.frames, 9);
    });
    assert_eq!(fake.seen.lock().len(), 6);
}

#[test]
fn a_master_a_control_and_a_coordinator_are_called() {
    let net = Net::calm();
    let _tasks = [net.serve("s", server(2)).1, net.serve("c", Party::Coordinator).1];
    let client = net.peers("client", Party::Client);
    let master = RemoteMaster::new(client.clone(), peer(server(2), "s"));
    let coordinator = RemoteCoordinator::new(client, ["nobody".into(), "c".into()], SECOND, SECOND);
    let control =
        RemoteControl::new(net.peers("c2", Party::Coordinator), peer(server(2), "s"), SECOND, SECOND);
    net.world.block_on(async {
        let reply =
            master.call(ObjectRequest { calls: vec![get(), get()], time_left_ms: 500 }).await.unwrap();
        assert_eq!(reply.results.len(), 2);
        assert!(matches!(&reply.results[1], Ok(ObjectResult::Found { value, .. }) if value.len() == 5000));
        let order = Order { term: Term(1), kind: OrderKind::FreeLog(LogId::of(ServerId(1))) };
        assert_eq!(control.call(order).await, Ok(Report::Done));
        assert_eq!(control.call(Order { term: Term(1), kind: OrderKind::Probe }).await, Ok(Report::Done));
        let request = Request::DropTable { name: "t".into(), id: TableId(1) };
        assert_eq!(coordinator.call(request).await, Ok(Reply::Done));
    });
}
