//! One frame of every kind, with every variant in it somewhere, and how to read and write it again.

use crate::support::{replica, write};
use bytes::Bytes;
use rekindle_backup::{
    BackupError, BackupStats, Fill, LoadRequest, Loaded, Misfit, PrimaryReplica, ReadPlan, ReplicaFree,
    ReplicaInfo, ReplicaState, ReplicaWrite,
};
use rekindle_client::{
    Condition, ObjectCall, ObjectError, ObjectOp, ObjectReply, ObjectRequest, ObjectResult,
};
use rekindle_cluster::wire::{
    CallRefusal, ClusterId, Frame, FrameKind, FrameWriter, Hello, LaneKind, Party, Stamp, codec,
};
use rekindle_coordinator::{
    ControlError, Order, OrderKind, ReplayOrder, Report, SegmentReplicas, TabletGrant,
};
use rekindle_log::Certificate;
use rekindle_recovery::ReplicaSource;
use rekindle_types::*;

pub const STAMP: Stamp = Stamp { term: Term(3), list: ListVersion(4) };

/// A body, and its decoder: re-encodes what it has read, so that nothing can get lost.
pub struct Sample {
    pub name: &'static str,
    pub frame: Bytes,
    pub again: fn(&Bytes) -> Option<FrameWriter>,
    /// Whether every value has exactly one encoding.
    pub is_canonical: bool,
}

impl Sample {
    pub fn body(&self) -> Bytes {
        Frame::decode(&self.frame, usize::MAX).unwrap().body
    }
}

pub fn bytes_of(frame: FrameWriter) -> Bytes {
    frame.finish(77, 88, STAMP, usize::MAX).unwrap().into_bytes()
}

pub fn samples() -> Vec<Sample> {
    let mut samples = vec![
        sample("hello", hello().encode(FrameKind::HELLO), |b| {
            Some(Hello::decode(b).ok()?.encode(FrameKind::HELLO))
        }),
        sample("object request", codec::encode_object_request(&object_request()), |b| {
            Some(codec::encode_object_request(&codec::decode_object_request(b, 88).ok()?))
        }),
        sample("object reply", codec::encode_object_reply(&object_reply()), |b| {
            Some(codec::encode_object_reply(&codec::decode_object_reply(b).ok()?))
        }),
        sample(
            "free",
            codec::encode_free(&ReplicaFree { replica: replica(1), session: SessionNumber(2) }),
            |b| Some(codec::encode_free(&codec::decode_free(b).ok()?)),
        ),
        sample("inventory call", codec::encode_inventory_call(LogId::of(ServerId(4)), ListVersion(5)), |b| {
            let (log, at) = codec::decode_inventory_call(b).ok()?;
            Some(codec::encode_inventory_call(log, at))
        }),
        sample("inventory", codec::encode_inventory(&Ok(inventory())), |b| {
            Some(codec::encode_inventory(&codec::decode_inventory(b).ok()?))
        }),
        sample(
            "start of recovery",
            codec::encode_start_recovery(LogId::of(ServerId(4)), &read_plan()),
            |b| {
                let (log, plan) = codec::decode_start_recovery(b).ok()?;
                Some(codec::encode_start_recovery(log, &plan))
            },
        ),
        sample("loaded", codec::encode_loaded(&Ok(loaded())), |b| {
            Some(codec::encode_loaded(&codec::decode_loaded(b).ok()?))
        }),
        sample("stats", codec::encode_stats(&stats()), |b| {
            Some(codec::encode_stats(&codec::decode_stats(b).ok()?))
        }),
    ];
    samples.extend(writes().iter().map(|write| {
        sample("write", codec::encode_write(write), |b| {
            Some(codec::encode_write(&codec::decode_write(b).ok()?))
        })
    }));
    samples.extend([LoadRequest::Whole, filtered()].iter().map(|want| {
        sample("load", codec::encode_load(replica(3), want), |b| {
            let (replica, want) = codec::decode_load(b).ok()?;
            Some(codec::encode_load(replica, &want))
        })
    }));
    samples.extend(
        refusals().iter().map(|refusal| {
            sample("refusal", refusal.encode(), |b| Some(CallRefusal::decode(b).ok()?.encode()))
        }),
    );
    samples.extend(backup_errors().into_iter().map(|error| {
        sample("outcome", codec::encode_outcome(FrameKind::REPLICA_WRITE, &Err(error)), |b| {
            let outcome = codec::decode_outcome(b).ok()?;
            Some(codec::encode_outcome(FrameKind::REPLICA_WRITE, &outcome))
        })
    }));
    samples.extend(control_samples());
    samples
}

fn control_samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    samples.extend(requests().iter().map(|request| {
        control("request", codec::encode_postcard(FrameKind::COORDINATOR, request), |b| {
            let request: Request = codec::decode_postcard(b).ok()?;
            Some(codec::encode_postcard(FrameKind::COORDINATOR, &request))
        })
    }));
    samples.extend(replies().iter().map(|reply| {
        control("reply", codec::encode_postcard(FrameKind::COORDINATOR.reply(), reply), |b| {
            let reply: Reply = codec::decode_postcard(b).ok()?;
            Some(codec::encode_postcard(FrameKind::COORDINATOR.reply(), &reply))
        })
    }));
    samples.extend(orders().into_iter().map(|kind| {
        control("order", codec::encode_order(&Order { term: Term(9), kind }), |b| {
            Some(codec::encode_order(&codec::decode_order(b).ok()?))
        })
    }));
    samples.extend(reports().iter().map(|report| {
        control("report", codec::encode_report(report), |b| {
            Some(codec::encode_report(&codec::decode_report(b).ok()?))
        })
    }));
    samples
}

fn sample(name: &'static str, frame: FrameWriter, again: fn(&Bytes) -> Option<FrameWriter>) -> Sample {
    Sample { name, frame: bytes_of(frame), again, is_canonical: true }
}

fn control(name: &'static str, frame: FrameWriter, again: fn(&Bytes) -> Option<FrameWriter>) -> Sample {
    Sample { name, frame: bytes_of(frame), again, is_canonical: false }
}

fn hello() -> Hello {
    let target = Party::Server(ServerId(9));
    Hello { cluster: ClusterId(0x1234), sender: Party::Client, target, lane: LaneKind::Object }
}

fn object_request() -> ObjectRequest {
    let (key, value) = (Bytes::from_static(b"key"), Bytes::from_static(b"value"));
    let conditions =
        [Condition::Always, Condition::IfPresent, Condition::IfAbsent, Condition::IfVersion(Version(8))];
    let mut ops = vec![
        ObjectOp::Get { key: key.clone() },
        ObjectOp::Scan { from: KeyHash(1), to: KeyHash(2), bytes_max: 3 },
    ];
    for condition in conditions {
        ops.push(ObjectOp::Put { key: key.clone(), value: value.clone(), condition });
        ops.push(ObjectOp::Delete { key: key.clone(), condition });
    }
    let call = |op| ObjectCall { table: TableId(1), tablet: TabletVersion(2), op };
    ObjectRequest { calls: ops.into_iter().map(call).collect(), time_left_ms: 88 }
}

fn object_reply() -> ObjectReply {
    let (key, value) = (Bytes::from_static(b"key"), Bytes::from_static(b"value"));
    let objects = vec![(key.clone(), value.clone(), Version(1)), (key, Bytes::new(), Version(2))];
    ObjectReply {
        results: vec![
            Ok(ObjectResult::Found { value, version: Version(3) }),
            Ok(ObjectResult::Absent),
            Ok(ObjectResult::Written(Version(4))),
            Ok(ObjectResult::Deleted(Version(5))),
            Ok(ObjectResult::ConditionFailed(None)),
            Ok(ObjectResult::ConditionFailed(Some(Version(6)))),
            Ok(ObjectResult::Scanned { objects, next: Some(KeyHash(7)) }),
            Ok(ObjectResult::Scanned { objects: vec![], next: None }),
            Err(ObjectError::WrongMaster),
            Err(ObjectError::Retry { after_ms: 8 }),
            Err(ObjectError::Busy { reason: "because".into(), is_unknown: true }),
            Err(ObjectError::Full),
            Err(ObjectError::TooFewBackups { have: 2, need: 3 }),
            Err(ObjectError::Invalid("why".into())),
        ],
    }
}

fn writes() -> [ReplicaWrite; 2] {
    let small = ReplicaWrite { bytes: Bytes::from_static(b"segment"), ..write(1) };
    let plain = ReplicaWrite { open: None, certificate: None, close: true, primary: false, ..small.clone() };
    [ReplicaWrite { open: Some(Fill::Atomic), ..small }, plain]
}

fn inventory() -> Vec<ReplicaInfo> {
    let certificate = Certificate { length: 1, checksum: 2 };
    let open = ReplicaInfo {
        replica: replica(2),
        state: ReplicaState::Open,
        certificate,
        primary: true,
        digest: Some(vec![SegmentId(1), SegmentId(2)]),
    };
    let closed = ReplicaInfo { state: ReplicaState::Closed, primary: false, digest: None, ..open.clone() };
    vec![open, closed]
}

pub fn partition() -> Partition {
    let tablet = |state| Tablet {
        table: TableId(1),
        range: KeyRange::new(KeyHash(3), KeyHash(9)).unwrap(),
        owner: ServerId(2),
        version: TabletVersion(4),
        state,
        created: SegmentId(5),
    };
    Partition { pieces: vec![tablet(TabletState::Normal), tablet(TabletState::Recovering)] }
}

fn read_plan() -> ReadPlan {
    let certificate = Certificate { length: 1, checksum: 2 };
    let replicas = vec![PrimaryReplica { replica: replica(2), certificate }];
    ReadPlan { replicas, partitions: vec![partition(), Partition::default()] }
}

fn filtered() -> LoadRequest {
    LoadRequest::Filtered { index: PartitionIndex(3), partition: partition() }
}

fn loaded() -> Loaded {
    Loaded { bytes: Bytes::from_static(b"entries"), certificate: Certificate { length: 9, checksum: 8 } }
}

fn stats() -> BackupStats {
    BackupStats { frames: 1, frames_used: 2, open: 3, bytes: 4, read_rate: 5, is_poisoned: true }
}

fn refusals() -> Vec<CallRefusal> {
    vec![
        CallRefusal::Unauthorised("x".into()),
        CallRefusal::UnknownKind(7),
        CallRefusal::BadBody("x".into()),
        CallRefusal::Busy { after_ms: 9 },
        CallRefusal::NotDone("x".into()),
        CallRefusal::Unknown("x".into()),
        CallRefusal::WrongServer(None),
        CallRefusal::WrongServer(Some(ServerId(3))),
        CallRefusal::WrongCluster,
        CallRefusal::Version(2),
    ]
}

fn backup_errors() -> Vec<BackupError> {
    let log = LogId::of(ServerId(1));
    let overflow = |why| BackupError::Overflow { replica: replica(1), why, offset: 1, length: 2, present: 3 };
    let mut errors = vec![
        BackupError::NoRoom { frames: 3 },
        BackupError::Fenced { log, since: ListVersion(4) },
        BackupError::NotReady("x".into()),
        BackupError::Removed,
        BackupError::StaleCreation { replica: replica(1), newest: CreationNumber(9) },
        BackupError::StaleSession { session: SessionNumber(1), newest: SessionNumber(2) },
        BackupError::NotOpen(replica(1)),
        BackupError::Closed(replica(1)),
        BackupError::Damaged { replica: replica(1), at: 4, why: "x".into() },
        BackupError::Poisoned("x".into()),
        BackupError::Remote(RemoteError::NotDone("x".into())),
        BackupError::Remote(RemoteError::Unknown("x".into())),
    ];
    errors.extend(Misfit::ALL.map(overflow));
    errors
}

fn servers() -> ServerList {
    let entry = ServerEntry {
        id: ServerId(1),
        name: "n".into(),
        address: "a".into(),
        domain: "d".into(),
        status: ServerStatus::Up,
    };
    ServerList::new(ListVersion(3), ServerId(2), [entry])
}

fn updates() -> [ListUpdate; 2] {
    let changes = vec![(ServerId(1), None), (ServerId(2), servers().iter().next().cloned())];
    let (from, to) = (ListVersion(1), ListVersion(3));
    [ListUpdate::Full(servers()), ListUpdate::Increment { from, to, next_id: ServerId(9), changes }]
}

fn requests() -> Vec<Request> {
    let outcomes = [
        PartitionOutcome::Committed { created: SegmentId(1), bytes: 2, objects: 3 },
        PartitionOutcome::Failed { reason: "x".into(), shortage: None },
        PartitionOutcome::Failed {
            reason: "full".into(),
            shortage: Some(Shortage { pieces: vec![1, 1 << 40] }),
        },
    ];
    let report = |outcome| PartitionReport {
        crashed: LogId::of(ServerId(1)),
        partition: PartitionIndex(2),
        attempt: Attempt(3),
        outcome,
    };
    let text = String::from("x");
    vec![
        Request::Enlist {
            name: text.clone(),
            address: text.clone(),
            domain: text.clone(),
            incarnation: 5,
            former: Some(Former { server: ServerId(4), is_store_held: true }),
        },
        Request::Renew {
            server: ServerId(1),
            list: ListVersion(2),
            room: ServerRoom {
                segment_bytes: 1,
                memory_total_bytes: 2,
                read_rate: 3,
                ..ServerRoom::default()
            },
            reports: outcomes.map(report).into(),
            replaying: vec![PartitionReplay {
                crashed: LogId::of(ServerId(3)),
                partition: PartitionIndex(4),
                attempt: Attempt(5),
                bytes: 6,
            }],
        },
        Request::Hint { from: ServerId(1), suspect: ServerId(2) },
        Request::StoreFloor { log: LogId::of(ServerId(1)), floor: SegmentId(2) },
        Request::CreateTable { name: text.clone(), tablets: 3 },
        Request::DropTable { name: text, id: TableId(1) },
        Request::TabletMap { newer_than: TabletVersion(1) },
        Request::ServerList { newer_than: ListVersion(1) },
        Request::Leave { server: ServerId(1) },
        Request::ReportExit { server: ServerId(1) },
        Request::Status,
    ]
}

fn replies() -> Vec<Reply> {
    let mut map = TabletMap::default();
    map.version = TabletVersion(7);
    map.insert_table(TableInfo { name: "t".into(), id: TableId(1) });
    partition().pieces.into_iter().for_each(|piece| map.insert(piece));
    let [full, increment] = updates();
    let refusals = [
        Refusal::NotInCluster(ServerId(1)),
        Refusal::TableExists("x".into()),
        Refusal::NoSuchTable("x".into()),
        Refusal::Invalid("x".into()),
        Refusal::TooFewServers { have: 1, need: 2 },
        Refusal::Retry { after_ms: 1, reason: "x".into() },
    ];
    let mut replies = vec![
        Reply::Enlisted(Enlisted { server: ServerId(1), term: Term(2), list: servers(), replicas: 3 }),
        Reply::Renewed { term: Term(1), lease_ms: 250, update: Some(full) },
        Reply::Renewed { term: Term(1), lease_ms: 250, update: Some(increment) },
        Reply::Done,
        Reply::Table(TableInfo { name: "t".into(), id: TableId(1) }),
        Reply::TabletMap { map: Some(map), servers: servers() },
        Reply::ServerList(Some(servers())),
    ];
    replies.extend(refusals.map(Reply::Refused));
    replies.push(Reply::Status(Box::new(status())));
    replies
}

fn status() -> ClusterStatus {
    let progress = [
        PartitionProgress::Replaying,
        PartitionProgress::Replayed,
        PartitionProgress::Committed,
        PartitionProgress::Served,
    ];
    let (index, master, attempt) = (PartitionIndex(1), ServerId(2), Attempt(3));
    let partition =
        |progress| PartitionStatus { index, master, attempt, bytes: 4, bytes_replayed: 3, progress };
    let phases = [RecoveryPhase::Discovering, RecoveryPhase::Replaying, RecoveryPhase::Releasing];
    let recovery =
        |phase| RecoveryStatus { server: ServerId(5), phase, partitions: progress.map(partition).into() };
    let member = |entry: &ServerEntry| MemberStatus {
        entry: entry.clone(),
        is_placeable: true,
        renewed_ms_ago: Some(6),
        room: Some(ServerRoom { segment_bytes: 1, frames_free: 2, ..ServerRoom::default() }),
    };
    ClusterStatus {
        term: Term(1),
        is_held: true,
        replicas: 3,
        failures: 4,
        failures_at_once: 2,
        advice: "x".into(),
        servers: servers().iter().map(member).collect(),
        tables: vec![TableInfo { name: "t".into(), id: TableId(1) }],
        tablets: self::partition().pieces,
        recoveries: phases.map(recovery).into(),
    }
}

fn orders() -> Vec<OrderKind> {
    let crashed = LogId::of(ServerId(1));
    let grant = TabletGrant {
        table: TableId(1),
        range: KeyRange::FULL,
        version: TabletVersion(2),
        created: SegmentId(3),
        replayed: Some((crashed, PartitionIndex(1), Attempt(2))),
    };
    let source = ReplicaSource { server: ServerId(4), replica: replica(1), length: 2, checksum: 3 };
    let segments = SegmentReplicas { segment: SegmentId(1), replicas: vec![source] };
    let [full, increment] = updates();
    vec![
        OrderKind::List(full),
        OrderKind::List(increment),
        OrderKind::Probe,
        OrderKind::ProbeFor { suspect: ServerId(1) },
        OrderKind::Serve { cause: Lsn(1), tablets: vec![grant] },
        OrderKind::Drop { cause: Lsn(1), table: TableId(2), range: KeyRange::FULL },
        OrderKind::Replay(ReplayOrder {
            cause: Lsn(1),
            crashed,
            partition: PartitionIndex(2),
            attempt: Attempt(3),
            pieces: partition(),
            bytes: 5,
            segments: vec![segments],
            list: ListVersion(4),
        }),
        OrderKind::Discard { cause: Lsn(1), crashed, partition: PartitionIndex(2), attempt: Attempt(3) },
        OrderKind::FreeLog(crashed),
    ]
}

fn reports() -> Vec<Result<Report, ControlError>> {
    vec![
        Ok(Report::Done),
        Ok(Report::Probed { is_alive: true }),
        Err(ControlError::OldTerm { sent: Term(1), seen: Term(2) }),
        Err(ControlError::Superseded(Lsn(3))),
        Err(ControlError::WrongServer(ServerId(4))),
        Err(ControlError::Refused("x".into())),
        Err(ControlError::NoRoom { need: 2, free: 1 }),
        Err(ControlError::Remote(RemoteError::Unknown("x".into()))),
    ]
}
