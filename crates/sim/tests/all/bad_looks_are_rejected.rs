//! Looks at clusters that never were, each broken in one way, and a good one beside it.

use rekindle_backup::replicator::KnownReplica;
use rekindle_cluster::master::TabletStatus;
use rekindle_coordinator::entity::OperationId;
use rekindle_env::Time;
use rekindle_sim::{
    check::{
        Answer, Astray, HeldReplica, Left, LeftMost, LeftOnServer, NotRestored, Patience, Replicas,
        ServedTooLate, Stuck, TwoOwners, check_apart, check_bounded, check_heads, check_lease_end,
        check_left, check_one_owner, check_progress, check_replicas, check_restored,
    },
    look::{About, Census, Look, OperationLook, Record, ServerLook},
};
use rekindle_types::{
    CreationNumber, KeyHash, KeyRange, LogId, Lsn, Position, ReplicaId, SegmentId, ServerId, TableId, Tablet,
    TabletState, TabletVersion,
};
use std::{sync::Arc, time::Duration};

const TABLE: TableId = TableId(1);
const VERSION: TabletVersion = TabletVersion(5);

fn range(first: u64, last: u64) -> KeyRange {
    KeyRange::new(KeyHash(first), KeyHash(last)).unwrap()
}

/// Serves these ranges, within its lease.
fn server(id: u64, ranges: &[KeyRange]) -> ServerLook {
    let serving = Some((VERSION, SegmentId(0)));
    let tablets = ranges.iter().map(|range| TabletStatus { table: TABLE, range: *range, serving });
    ServerLook {
        server: ServerId(id),
        may_serve: true,
        tablets: tablets.collect(),
        segments_max: 8,
        unsettled: 1,
        ..ServerLook::default()
    }
}

fn tablet(range: KeyRange, owner: u64) -> Tablet {
    let (owner, state) = (ServerId(owner), TabletState::Normal);
    Tablet { table: TABLE, range, owner, version: VERSION, state, created: SegmentId(0) }
}

fn record(tablets: &[Tablet]) -> Option<Arc<Record>> {
    Some(Arc::new(Record { tablets: tablets.to_vec(), ..Record::default() }))
}

/// Server 1 serves the lower half, server 2 the upper one, and so it is on record.
fn good() -> Look {
    let (low, high) = (range(0, 99), range(100, 199));
    Look {
        record: record(&[tablet(low, 1), tablet(high, 2)]),
        servers: vec![server(1, &[low]), server(2, &[high])],
        ..Look::default()
    }
}

/// The good look, changed.
fn with(change: impl FnOnce(&mut Look)) -> Look {
    let mut look = good();
    change(&mut look);
    look
}

fn with_record(change: impl FnOnce(&mut Record)) -> Look {
    with(|look| {
        let mut record = Record::clone(look.record.as_ref().unwrap());
        change(&mut record);
        look.record = Some(Arc::new(record));
    })
}

#[test]
fn two_masters_that_serve_one_range() {
    assert_eq!(check_one_owner(&good()), Ok(()));
    let both = with(|look| look.servers[1] = server(2, &[range(90, 199)]));
    let overlap =
        TwoOwners::BothServe { table: TABLE, range: range(90, 99), one: ServerId(1), other: ServerId(2) };
    assert_eq!(check_one_owner(&both), Err(overlap));
    let without_lease = with(|look| {
        look.servers[1] = ServerLook { may_serve: false, ..server(2, &[range(90, 199)]) };
    });
    assert_eq!(check_one_owner(&without_lease), Ok(()));
    let other_table = with(|look| {
        look.servers[1] = server(2, &[range(90, 199)]);
        look.servers[1].tablets[0].table = TableId(2);
    });
    assert_eq!(check_one_owner(&other_table), Ok(()));
    let taking = with(|look| {
        look.servers[1] = server(2, &[range(90, 199)]);
        look.servers[1].tablets[0].serving = None;
    });
    assert_eq!(check_one_owner(&taking), Ok(()));
}

#[test]
fn a_master_that_serves_what_is_anothers_by_the_record() {
    let given_away = with_record(|record| record.tablets[0].owner = ServerId(3));
    let wrong =
        TwoOwners::NotTheOwner { table: TABLE, range: range(0, 99), server: ServerId(1), owner: ServerId(3) };
    assert_eq!(check_one_owner(&given_away), Err(wrong));
    // A piece in the middle is enough.
    let piece = with_record(|record| {
        record.tablets = vec![
            tablet(range(0, 49), 1),
            tablet(range(50, 59), 3),
            tablet(range(60, 99), 1),
            tablet(range(100, 199), 2),
        ];
    });
    assert!(check_one_owner(&piece).is_err());
    let dropped = with_record(|record| record.tablets.clear());
    assert_eq!(check_one_owner(&dropped), Ok(()));
    assert_eq!(check_one_owner(&with(|look| look.record = None)), Ok(()));
}

#[test]
fn two_operations_about_one_thing() {
    let operation = |id, about| OperationLook { id: OperationId(id), about, moved: Lsn(id) };
    let under_way = |abouts: [About; 3]| {
        let operations = abouts.into_iter().zip(1..).map(|(about, id)| operation(id, about)).collect();
        with_record(|record| record.operations = operations)
    };
    let (table, other) = (About::Making(TableId(1)), About::Making(TableId(2)));
    assert_eq!(check_apart(&under_way([table, other, About::Server(ServerId(1))])), Ok(()));
    let dropped_meanwhile = About::Dropping(TableId(1));
    assert_eq!(check_apart(&under_way([table, other, dropped_meanwhile])), Ok(()));
    assert!(check_apart(&under_way([dropped_meanwhile, other, dropped_meanwhile])).is_err());
    let overlap = check_apart(&under_way([table, other, table])).unwrap_err();
    assert_eq!((overlap.one.id, overlap.other.id), (OperationId(1), OperationId(3)));
    let recovered = About::Server(ServerId(1));
    assert!(check_apart(&under_way([table, recovered, recovered])).is_err());
}

#[test]
fn an_answer_after_the_lease_or_about_what_is_anothers() {
    let answer = Answer {
        master: ServerId(1),
        table: TABLE,
        hash: KeyHash(7),
        decided: Time(100),
        covered_until: Time(100),
        owner: Some(ServerId(1)),
    };
    assert_eq!(check_lease_end(&answer), Ok(()));
    assert_eq!(check_lease_end(&Answer { owner: None, ..answer }), Ok(()), "nobody knows, or it is dropped");
    let late = Answer { decided: Time(101), ..answer };
    assert_eq!(check_lease_end(&late), Err(ServedTooLate::WithoutLease(late)));
    let foreign = Answer { owner: Some(ServerId(2)), ..answer };
    assert_eq!(check_lease_end(&foreign), Err(ServedTooLate::NotTheOwner(foreign)));
}

const PATIENCE: Patience = Patience {
    step: Duration::from_nanos(10),
    write: Duration::from_nanos(15),
    call: Duration::from_nanos(20),
};

/// Looks at these instants at a recovery that was changed last by that batch; hindered or not.
fn recovery(looks: &[(u64, u64, bool)]) -> Vec<Look> {
    let look = |(at, moved, is_hindered): &(u64, u64, bool)| {
        let about = About::Server(ServerId(1));
        let operation = OperationLook { id: OperationId(1), about, moved: Lsn(*moved) };
        let look = with_record(|record| record.operations = vec![operation]);
        Look { at: Time(*at), is_hindered: *is_hindered, ..look }
    };
    looks.iter().map(look).collect()
}

#[test]
fn an_operation_that_does_not_move() {
    let moves = [(0, 1, false), (10, 1, false), (11, 2, false), (21, 2, false)];
    assert_eq!(check_progress(&recovery(&moves), PATIENCE), Ok(()));
    let stands = check_progress(&recovery(&[(0, 1, false), (5, 1, false), (11, 1, false)]), PATIENCE);
    assert!(matches!(stands, Err(Stuck::Operation { age, .. }) if age == Duration::from_nanos(11)));
    let hindered = [(0, 1, false), (11, 1, true), (21, 1, false)];
    assert_eq!(check_progress(&recovery(&hindered), PATIENCE), Ok(()));
    let hindered_before = [(0, 1, false), (11, 1, true), (22, 1, false)];
    assert!(check_progress(&recovery(&hindered_before), PATIENCE).is_err());
    let without_coordinator: Vec<Look> =
        recovery(&moves).into_iter().map(|look| Look { record: None, ..look }).collect();
    assert_eq!(check_progress(&without_coordinator, PATIENCE), Ok(()));
    // Another one in its place has its own time.
    let mut two = recovery(&[(0, 1, false), (11, 1, false)]);
    let mut record = Record::clone(two[1].record.as_ref().unwrap());
    record.operations[0].id = OperationId(2);
    two[1].record = Some(Arc::new(record));
    assert_eq!(check_progress(&two, PATIENCE), Ok(()));
}

/// A look at this instant at a log that is written and durable up to there.
fn log(at: u64, end: u32, durable: u32) -> Look {
    let position = |offset| Position { segment: SegmentId(3), offset };
    let look = with(|look| {
        let server = &mut look.servers[0];
        (server.end, server.durable) = (position(end), position(durable));
    });
    Look { at: Time(at), ..look }
}

#[test]
fn a_log_that_does_not_become_durable() {
    let stands = [log(0, 20, 10), log(8, 30, 10), log(16, 30, 10)];
    let stuck = check_progress(&stands, PATIENCE);
    assert!(matches!(stuck, Err(Stuck::Log { age, .. }) if age == Duration::from_nanos(16)), "{stuck:?}");
    let grows = [log(0, 20, 10), log(8, 30, 11), log(16, 30, 11)];
    let catches_up = [log(0, 20, 10), log(8, 10, 10), log(16, 30, 10)];
    let mut hindered = stands.clone();
    hindered[1].is_hindered = true;
    let mut leaderless = stands.clone();
    leaderless[1].record = None;
    let mut removed = stands;
    removed[1].servers[0].may_serve = false;
    for good in [grows, catches_up, hindered, leaderless, removed] {
        assert_eq!(check_progress(&good, PATIENCE), Ok(()));
    }
}

#[test]
fn a_server_that_gets_no_lease() {
    let look = |at, may_serve, is_up: bool| {
        let mut look = with_record(|record| record.up = is_up.then_some(ServerId(1)).into_iter().collect());
        look.servers.retain(|server| server.server == ServerId(1));
        look.servers[0].may_serve = may_serve;
        Look { at: Time(at), ..look }
    };
    let stuck = check_progress(&[0, 8, 16].map(|at| look(at, false, true)), PATIENCE);
    assert!(matches!(stuck, Err(Stuck::Lease { age, .. }) if age == Duration::from_nanos(16)), "{stuck:?}");
    let has_had_one = [look(0, false, true), look(8, true, true), look(16, false, true)];
    let removed = [0, 8, 16].map(|at| look(at, false, false));
    for good in [has_had_one, removed] {
        assert_eq!(check_progress(&good, PATIENCE), Ok(()));
    }
}

#[test]
fn a_call_that_does_not_end() {
    let waits = |at| Look { at: Time(at), oldest_call: Some(Time(5)), is_hindered: true, ..good() };
    assert_eq!(check_progress(&[waits(25)], PATIENCE), Ok(()));
    assert_eq!(check_progress(&[waits(26)], PATIENCE), Err(Stuck::Call { since: Time(5) }));
}

#[test]
fn a_log_with_more_memory_than_it_was_given() {
    // Two emergency heads have memory of their own.
    let full = with(|look| look.servers[0].segments = 10);
    assert_eq!(check_bounded(&full), Ok(()));
    assert!(check_bounded(&with(|look| look.servers[0].segments = 11)).is_err());
}

#[test]
fn a_head_that_is_opened_behind_one_that_is_not_open() {
    assert_eq!(check_heads(&with(|look| look.servers[0].opening = 1)), Ok(()));
    assert!(check_heads(&with(|look| look.servers[0].opening = 2)).is_err());
}

#[test]
fn something_that_is_left_when_all_is_over() {
    let most = LeftMost { lanes: 10, tasks: 12, world_tasks: 40, world_timers: 20 };
    let one = LeftOnServer { server: ServerId(1), lanes: 10, tasks: 12, ..LeftOnServer::default() };
    let good = Left { servers: vec![one], tasks: 40, timers: 20 };
    assert_eq!(check_left(&good, most), Ok(()));
    let census = |census| Left { servers: vec![LeftOnServer { census, ..one }], ..good.clone() };
    let bad = [
        census(Census { waiting: 1, ..Census::default() }),
        census(Census { calls: 1, ..Census::default() }),
        census(Census { side_logs: 1, ..Census::default() }),
        census(Census { replays: 1, ..Census::default() }),
        Left { servers: vec![LeftOnServer { lanes: 11, ..one }], ..good.clone() },
        Left { servers: vec![LeftOnServer { tasks: 13, ..one }], ..good.clone() },
        Left { servers: vec![LeftOnServer { strays: 1, ..one }], ..good.clone() },
        Left { tasks: 41, ..good.clone() },
        Left { timers: 21, ..good.clone() },
    ];
    for left in bad {
        assert!(check_left(&left, most).is_err(), "{left:?}");
    }
}

#[test]
fn a_cluster_that_is_not_restored() {
    assert_eq!(check_restored(&good()), Ok(()));
    assert_eq!(check_restored(&with(|look| look.record = None)), Err(NotRestored::NoCoordinator));
    let dead = with_record(|record| record.unrecovered.push(ServerId(3)));
    assert_eq!(check_restored(&dead), Err(NotRestored::NotRecovered(ServerId(3))));
    let not_served = [
        with(|look| drop(look.servers.pop())),
        with(|look| look.servers[1].may_serve = false),
        with(|look| look.servers[1].tablets[0].serving = None),
        with(|look| look.servers[1].tablets[0].serving = Some((TabletVersion(4), SegmentId(0)))),
        with(|look| look.servers[1].tablets[0].range = range(101, 199)),
        with_record(|record| record.tablets[1].state = TabletState::Recovering),
    ];
    for look in not_served {
        assert!(matches!(check_restored(&look), Err(NotRestored::NotServed(_))), "{look:?}");
    }
    for look in [with(|look| look.servers[0].unsettled = 2), with(|look| look.servers[0].has_too_few = true)]
    {
        assert!(matches!(check_restored(&look), Err(NotRestored::NotReplicated(ServerId(1), _))));
    }
    let zombie = ServerLook { is_removed: true, may_serve: false, unsettled: 9, ..server(9, &[]) };
    assert_eq!(check_restored(&with(|look| look.servers.push(zombie))), Ok(()));
}

fn replica(master: u64, segment: u64, creation: u64) -> ReplicaId {
    let log = LogId::of(ServerId(master));
    ReplicaId { log, segment: SegmentId(segment), creation: CreationNumber(creation) }
}

/// Master 1 has a segment on backups 2 and 3.
fn replicated() -> Replicas {
    let known = |backup, creation| KnownReplica {
        backup: ServerId(backup),
        replica: replica(1, 4, creation),
        is_needed: true,
    };
    let held = |backup, creation| HeldReplica {
        backup: ServerId(backup),
        replica: replica(1, 4, creation),
        is_from_before: false,
        is_poisoned: false,
    };
    Replicas {
        replicas: 2,
        masters: [1, 2, 3].map(ServerId).into(),
        known: vec![known(2, 1), known(3, 2)],
        held: vec![held(2, 1), held(3, 2)],
    }
}

#[test]
fn replicas_that_are_not_there() {
    assert_eq!(check_replicas(&replicated()), Ok(()));
    let mut missing = replicated();
    missing.held.pop();
    assert!(matches!(check_replicas(&missing), Err(Astray::Missing(known)) if known.backup == ServerId(3)));
    let mut older = replicated();
    older.held[1].replica.creation = CreationNumber(1);
    assert!(matches!(check_replicas(&older), Err(Astray::Missing(_))));
    let mut one_short = replicated();
    one_short.known.pop();
    one_short.held.pop();
    assert!(matches!(check_replicas(&one_short), Err(Astray::NotR(_, SegmentId(4), 1))));
    let mut on_one = replicated();
    on_one.known[1].backup = ServerId(2);
    on_one.held[1].backup = ServerId(2);
    assert!(matches!(check_replicas(&on_one), Err(Astray::NotR(_, SegmentId(4), 1))));
}

#[test]
fn replicas_that_nobody_knows_of() {
    let with = |held: HeldReplica| {
        let mut all = replicated();
        all.held.push(held);
        all
    };
    let unknown = HeldReplica {
        backup: ServerId(3),
        replica: replica(1, 5, 3),
        is_from_before: false,
        is_poisoned: false,
    };
    assert_eq!(check_replicas(&with(unknown)), Err(Astray::Leaked(unknown)));
    let of_the_dead = HeldReplica { replica: replica(9, 5, 3), is_from_before: true, ..unknown };
    assert_eq!(check_replicas(&with(of_the_dead)), Err(Astray::Leaked(of_the_dead)));
    let from_before = HeldReplica { is_from_before: true, ..unknown };
    assert_eq!(check_replicas(&with(from_before)), Ok(()), "L4: its master can't be asked yet");
    let poisoned = HeldReplica { is_poisoned: true, ..of_the_dead };
    assert_eq!(check_replicas(&with(poisoned)), Ok(()), "a failed store frees nothing");
    let mut being_freed = with(unknown);
    let known = KnownReplica { backup: unknown.backup, replica: unknown.replica, is_needed: false };
    being_freed.known.push(known);
    assert_eq!(check_replicas(&being_freed), Ok(()));
}
