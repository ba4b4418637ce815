//! What was filtered ahead is handed out without looking at the replica again; without room it is filtered when
//! it is asked for, and nothing is ever held above the limit for long.

use futures_util::FutureExt;
use rekindle_backup::store::conformance::{Image, MASTER, OWN, partition_of, replica, servers, write};
use rekindle_backup::{
    BackupError, BackupStore, Fill, LoadRequest, Loaded, LocalStore, MemoryStore, MemoryStoreConfig,
    PrimaryReplica, ReadPlan,
};
use rekindle_env::{Task, memory::World};
use rekindle_types::{KeyRange, ListVersion, PartitionIndex};
use std::{sync::Arc, time::Duration};

const SEGMENTS: u64 = 4;

fn image(segment: u64) -> Image {
    (0..20).fold(Image::side(MASTER, segment), |image, at| image.object(1, &format!("key-{at}"), "value", 1))
}

fn plan() -> ReadPlan {
    let primary = |s| PrimaryReplica { replica: replica(MASTER, s, 1), certificate: image(s).certificate() };
    let halves = KeyRange::FULL.split_even(2);
    let partitions = halves.into_iter().map(|range| partition_of(1, range, 0)).collect();
    ReadPlan { replicas: (1..=SEGMENTS).map(primary).collect(), partitions }
}

/// A fenced store with four segments; its read-ahead had time for all of them.
fn read_ahead(limit: usize) -> Arc<MemoryStore> {
    let world = World::new(1);
    let (store, _run) = reading_ahead(&world, limit);
    world.run_for(Duration::from_secs(1));
    store
}

/// A fenced store with four segments that was told to read them ahead.
fn reading_ahead(world: &World, limit: usize) -> (Arc<MemoryStore>, Task) {
    let env = world.node("backup").env();
    let config = MemoryStoreConfig { read_ahead_bytes: limit, ..MemoryStoreConfig::new(OWN) };
    let store = Arc::new(MemoryStore::new(config));
    let run = env.spawn.spawn("read ahead", Box::pin(Arc::clone(&store).run(env.clone())));
    store.set_servers(&servers(1, &[1, 9], &[]));
    for segment in 1..=SEGMENTS {
        world.block_on(store.write(write(&image(segment), 1, Some(Fill::Growing), true))).unwrap();
    }
    world.block_on(store.inventory(MASTER, ListVersion(1))).unwrap();
    world.run_for(Duration::from_millis(1));
    world.block_on(store.start_recovery(MASTER, plan())).unwrap();
    (store, run)
}

fn load(store: &MemoryStore, segment: u64, half: usize) -> Result<Loaded, BackupError> {
    let partition = plan().partitions[half].clone();
    let want = LoadRequest::Filtered { index: PartitionIndex(half as u32), partition };
    store.load(replica(MASTER, segment, 1), want).now_or_never().expect("memory never waits")
}

/// How many segments answer although their replica is spoiled: they were filtered before.
fn filtered_before(store: &MemoryStore) -> usize {
    let at = image(1).bytes().len() - 1;
    (1..=SEGMENTS).for_each(|segment| assert!(store.damage(replica(MASTER, segment, 1), at)));
    let answers = (1..=SEGMENTS).map(|segment| [load(store, segment, 0), load(store, segment, 1)]);
    let whole = answers.filter(|both| match both {
        [Ok(low), Ok(high)] => {
            assert_eq!(low.bytes.len() + high.bytes.len(), image(1).entries().len());
            true
        }
        _ => false,
    });
    whole.count()
}

#[test]
fn read_ahead_serves_loads() {
    let store = read_ahead(64 << 20);
    assert_eq!(filtered_before(&store), 4);
    // Fetched parts are gone: asked for again, the damage shows.
    assert!(matches!(load(&store, 1, 0), Err(BackupError::Damaged { .. })));
}

#[test]
fn read_ahead_stops_at_its_limit() {
    let two = image(1).entries().len() * 2;
    assert_eq!(filtered_before(&read_ahead(two)), 2);
    assert_eq!(filtered_before(&read_ahead(0)), 0);
}

#[test]
fn room_that_was_fetched_free_is_read_ahead_again() {
    let store = read_ahead(image(1).entries().len());
    for segment in 1..=SEGMENTS {
        for half in 0..2 {
            load(&store, segment, half).unwrap();
        }
    }
}

#[test]
fn freed_logs_leave_nothing_ahead() {
    let store = read_ahead(64 << 20);
    store.forget(MASTER).unwrap();
    assert_eq!(load(&store, 1, 0), Err(BackupError::NotOpen(replica(MASTER, 1, 1))));
}

#[test]
fn a_log_freed_while_it_is_read_ahead_leaves_nothing() {
    let world = World::new(1);
    let (store, _run) = reading_ahead(&world, 64 << 20);
    store.set_servers(&servers(2, &[9], &[]));
    assert_eq!(world.block_on(store.stats()).frames_used, 0);
    world.run_for(Duration::from_secs(1));
    for segment in 1..=SEGMENTS {
        assert_eq!(load(&store, segment, 0), Err(BackupError::NotOpen(replica(MASTER, segment, 1))));
    }
}
