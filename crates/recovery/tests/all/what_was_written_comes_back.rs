//! REC-1 from discovery to the store: every object of the dead master with its version, no deleted one, whatever
//! order backups answer in and whatever one replica of each segment suffers; versions go on above all of them.

use crate::crashed::{CRASHED, Crash, How};
use crate::plans_cover_what_was_owned::tablet;
use rekindle_backup::{BackupStore, store::conformance::Image};
use rekindle_log::{
    Log, LogConfig, Volatile,
    store::{Condition, Store, StoreConfig, WriteOutcome},
};
use rekindle_recovery::{
    ClusterRoom, EvenPlanner, LogMap, MasterRoom, PlanInput, RecoveryPlan, RecoveryPlanner, ReplayConfig,
    ReplayFailure, ReplayTask,
};
use rekindle_types::{KeyRange, LogId, Rules, SegmentId, ServerId, TableId, Version, key_hash};
use std::{collections::BTreeMap, sync::Arc};

const TABLE: TableId = TableId(1);
const SEGMENTS: u64 = 12;
const SAFE: u64 = 5000;

/// What the dead master answered for a key: version, and the value unless it was deleted.
type Model = BTreeMap<String, (u64, Option<String>)>;

/// Writes a history of puts and deletes over 12 segments and a head, each on two backups.
fn crash(seed: u64) -> (Crash, Model) {
    let crash = Crash::new(seed);
    let rng = &crash.env.rng;
    let (mut model, mut homes, mut version) = (Model::new(), BTreeMap::new(), 0);
    for segment in 1..=SEGMENTS + 1 {
        let is_head = segment > SEGMENTS;
        let others: Vec<u64> = (1..=SEGMENTS).collect();
        let mut image = if is_head {
            Image::head(CRASHED, segment, &others).safe_version(SAFE)
        } else {
            Image::side(CRASHED, segment)
        };
        for _ in 0..rng.below(20) {
            version += 1;
            let key = format!("key-{}", rng.below(40));
            let present = model.get(&key).is_some_and(|(_, value)| value.is_some());
            if present && rng.below(3) == 0 {
                let (dead, _) = model[&key];
                image = image.tombstone(TABLE.0, &key, dead, homes[&key]);
                model.insert(key, (dead, None));
            } else {
                let value = format!("value-{version}");
                image = image.object(TABLE.0, &key, &value, version);
                homes.insert(key.clone(), segment);
                model.insert(key, (version, Some(value)));
            }
        }
        let primary = 3 + rng.below(6);
        crash.hold(&image, &[primary, 3 + (primary - 2) % 6], is_head);
        // One replica of each segment may be bad: half of them are.
        if rng.below(2) == 0 && !is_head {
            let at = rng.below(image.bytes().len() as u64) as usize;
            crash.damage(primary, segment, at);
        }
    }
    (crash, model)
}

/// Two partitions on the recovery masters 10 and 11.
fn plan(log: LogMap) -> RecoveryPlan {
    let master = |id| (ServerId(id), MasterRoom { free_bytes: 1 << 30, ..MasterRoom::default() });
    let mut room = ClusterRoom { masters: [master(10), master(11)].into(), ..ClusterRoom::default() };
    let partition_bytes = log.bytes().div_ceil(2);
    let owned = vec![tablet(TABLE.0, KeyRange::FULL)];
    // Created before everything: a creation position of 1 keeps every segment.
    let owned = owned.into_iter().map(|t| rekindle_types::Tablet { created: SegmentId(1), ..t }).collect();
    let input = PlanInput {
        log,
        owned,
        will: None,
        partition_bytes,
        partition_bytes_min: 4 << 20,
        rules: Rules::default(),
    };
    EvenPlanner.plan(&input, &mut room).unwrap()
}

fn task(plan: &RecoveryPlan, at: usize) -> ReplayTask {
    ReplayTask {
        index: plan.partitions[at].index,
        partition: plan.partitions[at].partition.clone(),
        segments: plan.segments.clone(),
        config: ReplayConfig::default(),
    }
}

/// A recovery master's store; its log runs as a task.
fn master(crash: &Crash, id: u64) -> (Arc<Store>, rekindle_env::Task) {
    let log = Log::new(LogConfig::new(LogId::of(ServerId(id))), Arc::new(Volatile)).unwrap();
    let run = Arc::clone(&log).run();
    let task = crash.env.spawn.spawn("log", Box::pin(async move { drop(run.await) }));
    (Store::new(log, StoreConfig::default()), task)
}

fn recover(seed: u64) {
    let (crash, model) = crash(seed);
    crash.wire(4).set(How::Fails(3));
    let plan = plan(crash.discover());
    assert_eq!(plan.partitions.len(), 2);
    for (server, reads) in &plan.reads {
        let start = crash.wire(server.0).store.start_recovery(CRASHED, reads.clone());
        crash.world.block_on(start).unwrap();
    }
    for (at, id) in [(0, 10), (1, 11)] {
        let (store, _log) = master(&crash, id);
        let task = task(&plan, at);
        let done = crash.world.block_on(task.run(&store, 2, &crash, &crash.env)).unwrap();
        let piece = task.partition.pieces[0];
        let mine: Vec<_> =
            model.iter().filter(|(k, _)| piece.range.contains(key_hash(TABLE, k.as_bytes()))).collect();
        assert_eq!(done.objects as usize, mine.iter().filter(|(_, (_, v))| v.is_some()).count());
        assert!(done.created < done.head, "T2: served on a head above the creation position");
        for (key, (version, value)) in mine {
            let found = store.get(TABLE, key.as_bytes()).unwrap().into_parts().0;
            let found = found.map(|o| (o.version.0, String::from_utf8(o.value.to_vec()).unwrap()));
            assert_eq!(found, value.clone().map(|v| (*version, v)), "seed {seed}: {key}");
        }
        // V1: a version that no deleted object had.
        let put = store.put(TABLE, b"new", b"", Condition::Always).unwrap().into_parts().0;
        let WriteOutcome::Written(version) = put else { panic!("{put:?}") };
        assert!(version > Version(SAFE));
    }
}

#[test]
fn what_was_written_comes_back() {
    (0..40).for_each(recover);
}

#[test]
fn a_partition_that_fails_leaves_nothing_behind() {
    let (crash, _) = crash(3);
    let plan = plan(crash.discover());
    let (store, _log) = master(&crash, 10);
    let mut task = task(&plan, 0);
    task.segments.push(rekindle_recovery::SegmentReplicas { segment: SegmentId(99), replicas: vec![] });
    let failure = crash.world.block_on(task.run(&store, 2, &crash, &crash.env)).unwrap_err();
    assert!(matches!(failure, ReplayFailure::Lost(_)), "{failure}");
    assert_eq!(store.objects(), 0);
    // Nothing of it hinders the next attempt.
    task.segments.pop();
    crash.world.block_on(task.run(&store, 2, &crash, &crash.env)).unwrap();
}

#[test]
fn a_cancelled_replay_leaves_nothing_behind() {
    let (crash, _) = crash(3);
    let plan = plan(crash.discover());
    let (store, _log) = master(&crash, 10);
    let task = task(&plan, 0);
    (3..=8).filter(|server| server % 2 == 0).for_each(|server| crash.wire(server).set(How::Mute));
    let run = task.run(&store, 2, &crash, &crash.env);
    let cancel = crash.env.clock.sleep(std::time::Duration::from_millis(5));
    let ended = crash.world.block_on(futures_util::future::select(Box::pin(run), cancel));
    assert!(matches!(ended, futures_util::future::Either::Right(_)), "it was to be cancelled half way");
    drop(ended);
    assert_eq!(store.objects(), 0);
}
