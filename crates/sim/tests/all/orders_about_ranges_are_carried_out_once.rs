//! Rules F5, T2, T3 on one master: whatever comes twice, late or too early changes nothing.

use crate::lone_master::{LoneMaster, Remains, TABLE};
use rekindle_cluster::server::Reports;
use rekindle_coordinator::{ControlError, ReplayOrder, Report, TabletGrant};
use rekindle_env::memory::{Order, World, WorldConfig};
use rekindle_log::NoRoom;
use rekindle_types::{
    Attempt, KeyHash, KeyRange, ListVersion, LogId, Lsn, PartitionIndex, PartitionOutcome, Rules, SegmentId,
    ServerEntry, ServerId, ServerList, ServerStatus, TabletVersion, key_hash,
};
use std::time::Duration;

const ZERO: SegmentId = SegmentId(0);
const SECOND: Duration = Duration::from_secs(1);

fn dead<'w>(world: &'w World, id: u64, key: &str) -> (LoneMaster<'w>, Remains) {
    let dead = LoneMaster::new(world, id, &[], Rules::default());
    dead.put(key, "value");
    let remains = dead.remains();
    (dead, remains)
}

fn grant(
    master: &LoneMaster,
    dead: &LoneMaster,
    attempt: u32,
    created: SegmentId,
) -> Result<Report, ControlError> {
    let replayed = Some((LogId::of(dead.server), PartitionIndex(0), Attempt(attempt)));
    let (version, range) = (TabletVersion(50), KeyRange::FULL);
    master.serve(50, &[TabletGrant { table: TABLE, range, version, created, replayed }])
}

fn is_served(master: &LoneMaster, key: &str, version: u64) -> bool {
    let hash = key_hash(TABLE, key.as_bytes());
    master.tablets.with(TABLE, hash, TabletVersion(version), |_| master.get(key).is_some()) == Ok(true)
}

#[test]
fn a_result_is_reported_until_served_and_served_once() {
    let world = World::new(1);
    let (dead, remains) = dead(&world, 1, "key");
    let master = LoneMaster::new(&world, 2, &[(&dead, remains.clone())], Rules::default());
    assert!(matches!(grant(&master, &dead, 1, ZERO), Err(ControlError::Refused(_))), "unknown");

    let replay = || master.order_replay(10, 1, (&dead, &remains), ZERO);
    assert_eq!(replay(), Ok(Report::Done));
    assert!(matches!(grant(&master, &dead, 1, ZERO), Err(ControlError::Refused(_))), "not committed yet");
    let created = master.committed();
    assert_eq!(replay(), Ok(Report::Done), "a copy");
    world.run_for(SECOND);
    assert_eq!(master.committed(), created, "it did nothing");
    assert!(matches!(grant(&master, &dead, 2, created), Err(ControlError::Refused(_))), "another attempt");
    assert!(matches!(grant(&master, &dead, 1, created.next()), Err(ControlError::Refused(_))));
    assert!(!is_served(&master, "key", 50));

    assert_eq!(grant(&master, &dead, 1, created), Ok(Report::Done));
    assert!(is_served(&master, "key", 50));
    assert!(master.ranges.pending().is_empty());
    assert_eq!(grant(&master, &dead, 1, created), Ok(Report::Done), "a copy");
    assert_eq!(replay(), Err(ControlError::Superseded(Lsn(50))), "a late copy");
    assert_eq!(master.discard(49, &dead, 1), Ok(Report::Done), "there is nothing to discard any more");
    assert!(is_served(&master, "key", 50), "what is served stays");
}

#[test]
fn a_replay_without_memory_begins_nothing() {
    let world = World::new(1);
    let (dead, remains) = dead(&world, 1, "key");
    let master = LoneMaster::new(&world, 2, &[(&dead, remains.clone())], Rules::default());
    let free = master.log.room().free_bytes;
    let replay = |bytes, attempt| master.order_replay_of(bytes, 10, attempt, (&dead, &remains), ZERO);
    for _ in 0..2 {
        // L2: one more segment than it has.
        let refused = replay(free, 1);
        let segment = u64::from(master.log.config().segment_bytes);
        assert_eq!(refused, Err(ControlError::NoRoom { need: free + segment, free }));
        world.run_for(SECOND);
        assert!(master.tablets.status().is_empty() && master.ranges.pending().is_empty());
    }
    // The order that was refused is not known: it may come again, for the memory was freed.
    assert_eq!(replay(free / 2, 1), Ok(Report::Done));
    assert!(
        matches!(master.log.reserve(free / 2), Err(NoRoom { .. })),
        "it is reserved before anything is replayed"
    );
    assert_eq!(replay(free / 2, 1), Ok(Report::Done), "a copy needs no memory");
    master.committed();
    // What was reserved and not used, or used by an attempt that failed, is given back.
    assert!(master.log.reserve(free / 2).is_ok());
}

#[test]
fn an_attempt_that_failed_gives_its_memory_back() {
    let world = World::new(1);
    let (dead, remains) = dead(&world, 1, "key");
    let master = LoneMaster::new(&world, 2, &[], Rules::default());
    let free = master.log.room().free_bytes;
    master.order_replay_of(free / 2, 10, 1, (&dead, &remains), ZERO).unwrap();
    assert!(master.log.reserve(free / 2).is_err());
    for _ in 0..600 {
        world.run_for(SECOND);
        if !master.ranges.pending().is_empty() {
            break;
        }
    }
    assert!(matches!(master.ranges.pending()[0].outcome, PartitionOutcome::Failed { .. }));
    assert!(master.log.reserve(free / 2).is_ok());
}

#[test]
fn a_discarded_attempt_leaves_nothing() {
    let world = World::new(1);
    let (dead, remains) = dead(&world, 1, "key");
    let master = LoneMaster::new(&world, 2, &[(&dead, remains.clone())], Rules::default());
    let replay = |cause, attempt| master.order_replay(cause, attempt, (&dead, &remains), ZERO);

    replay(10, 1).unwrap();
    master.discard(11, &dead, 1).unwrap(); // Before its task has run at all.
    world.run_for(SECOND);
    assert_eq!(master.store.objects(), 0);
    assert!(master.tablets.status().is_empty());

    assert_eq!(replay(12, 2), Ok(Report::Done));
    master.committed();
    assert_eq!(master.store.objects(), 1);
    master.discard(13, &dead, 2).unwrap(); // After its commit.
    assert_eq!(master.store.objects(), 0);
    assert!(master.ranges.pending().is_empty());
    let _ = replay(12, 2); // A late copy.
    world.run_for(SECOND);
    assert_eq!(master.store.objects(), 0);
    assert!(master.ranges.pending().is_empty());
}

#[test]
fn a_recovery_that_has_ended_leaves_nothing_but_what_is_served() {
    let world = World::new(1);
    let (first, of_first) = dead(&world, 1, "first");
    let replayed = |id| {
        let master = LoneMaster::new(&world, id, &[(&first, of_first.clone())], Rules::default());
        master.order_replay(10, 1, (&first, &of_first), ZERO).unwrap();
        let created = master.committed();
        (master, created)
    };
    let ((owner, created), (other, _)) = (replayed(2), replayed(3));
    let entry = ServerEntry { status: ServerStatus::Dead, ..ServerEntry::up(first.server, "first") };
    owner.end_recoveries(&ServerList::new(ListVersion(5), ServerId(9), [entry]));
    assert_eq!(owner.ranges.pending().len(), 1, "it goes on");
    assert_eq!(grant(&owner, &first, 1, created), Ok(Report::Done));

    let without_it = ServerList::new(ListVersion(6), ServerId(9), []);
    owner.end_recoveries(&without_it);
    assert!(owner.ranges.replays().is_empty());
    assert!(is_served(&owner, "first", 50));
    other.end_recoveries(&without_it);
    assert!(other.ranges.pending().is_empty() && other.ranges.replays().is_empty());
    assert_eq!(other.store.objects(), 0);
}

#[test]
fn a_higher_attempt_takes_the_place_of_a_lower_one() {
    let world = World::new(1);
    let (dead, remains) = dead(&world, 1, "key");
    let master = LoneMaster::new(&world, 2, &[(&dead, remains.clone())], Rules::default());
    master.order_replay(10, 1, (&dead, &remains), ZERO).unwrap();
    master.order_replay(12, 2, (&dead, &remains), ZERO).unwrap();
    let created = master.committed();
    let pending = master.ranges.pending();
    assert_eq!(pending.len(), 1);
    assert_eq!(pending[0].attempt, Attempt(2));
    master.discard(12, &dead, 1).unwrap(); // The same batch gave up the first attempt.
    assert_eq!(grant(&master, &dead, 2, created), Ok(Report::Done));
    assert!(is_served(&master, "key", 50));
}

#[test]
fn the_next_dead_masters_partition_takes_the_place_of_the_first_ones() {
    let world = World::new(1);
    let (first, of_first) = dead(&world, 1, "first");
    let (next, of_next) = dead(&world, 2, "next");
    let graves = [(&first, of_first.clone()), (&next, of_next.clone())];
    let master = LoneMaster::new(&world, 3, &graves, Rules::default());
    master.order_replay(10, 1, (&first, &of_first), ZERO).unwrap();
    master.committed();
    master.order_replay(20, 1, (&next, &of_next), ZERO).unwrap();
    let created = master.committed();
    assert_eq!(master.ranges.pending()[0].crashed, LogId::of(next.server));
    assert_eq!(master.ranges.pending().len(), 1);
    assert_eq!(grant(&master, &next, 1, created), Ok(Report::Done));
    assert!(is_served(&master, "next", 50));
    assert_eq!(master.get("first"), None);
}

/// L2: a partition that is cut comes back in parts; what was at work on the whole, told to forget it or not, takes
/// nothing away from them.
#[test]
fn parts_of_a_partition_that_was_cut_take_its_place_while_it_is_at_work() {
    for (seed, is_discarded) in (0..100).flat_map(|seed| [(seed, true), (seed, false)]) {
        let world = World::with(WorldConfig { order: Order::Random, ..WorldConfig::new(seed) });
        let crashed = LoneMaster::new(&world, 1, &[], Rules::default());
        let keys: Vec<String> = (0..200).map(|n| format!("key-{n}")).collect();
        keys.iter().for_each(|key| crashed.put(key, "value"));
        let remains = crashed.remains();
        let master = LoneMaster::new(&world, 2, &[(&crashed, remains.clone())], Rules::default());
        let order = |cause, range, partition| {
            let order = master.replay_order(cause, (&crashed, &remains), range, ZERO);
            master.order(ReplayOrder { partition: PartitionIndex(partition), ..order })
        };
        order(10, KeyRange::FULL, 0).unwrap();
        // It is somewhere between its beginning and its end.
        world.run_for(Duration::from_micros(500));
        if is_discarded {
            master.discard(12, &crashed, 1).unwrap();
        }
        let middle = KeyHash(u64::MAX / 2);
        let halves = [(KeyHash(0), middle), (KeyHash(middle.0 + 1), KeyHash(u64::MAX))];
        for (index, (first, last)) in (1..).zip(halves) {
            order(12, KeyRange::new(first, last).unwrap(), index).unwrap();
        }
        if !is_discarded {
            master.discard(12, &crashed, 1).unwrap();
        }
        world.run_for(SECOND);
        let reports: Vec<_> = master.ranges.pending().iter().map(|r| r.partition.0).collect();
        assert_eq!(reports, [1, 2], "seed {seed}");
        let lost = keys.iter().filter(|key| master.get(key).is_none()).count();
        assert_eq!(lost, 0, "seed {seed}, discarded before: {is_discarded}");
    }
}

#[test]
fn what_can_not_be_read_is_reported_as_failed() {
    let world = World::new(1);
    let (dead, remains) = dead(&world, 1, "key");
    let master = LoneMaster::new(&world, 2, &[], Rules::default());
    master.order_replay(10, 1, (&dead, &remains), ZERO).unwrap();
    world.run_for(SECOND * 60);
    let pending = master.ranges.pending();
    assert!(matches!(pending[0].outcome, PartitionOutcome::Failed { .. }), "{pending:?}");
    master.discard(11, &dead, 1).unwrap();
    assert!(master.ranges.pending().is_empty());
    assert_eq!(master.store.objects(), 0);
}

#[test]
fn drops_are_ordered_by_their_cause() {
    let world = World::new(1);
    let master = LoneMaster::new(&world, 1, &[], Rules::default());
    let version = TabletVersion(5);
    let new = TabletGrant { table: TABLE, range: KeyRange::FULL, version, created: ZERO, replayed: None };
    assert_eq!(master.serve(5, &[new]), Ok(Report::Done));
    master.put("key", "value");
    let early = master.drop_table(4);
    assert_eq!(early, Err(ControlError::Superseded(Lsn(5))));
    assert!(is_served(&master, "key", 5));
    let drop = || master.drop_table(6);
    assert_eq!((drop(), drop()), (Ok(Report::Done), Ok(Report::Done)));
    assert_eq!(master.store.objects(), 0);
    assert_eq!(master.serve(5, &[new]), Err(ControlError::Superseded(Lsn(6))));
    assert!(!is_served(&master, "key", 5));
}
