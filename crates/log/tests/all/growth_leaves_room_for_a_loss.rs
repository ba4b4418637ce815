//! L2: data grows up to the share of memory that lets the cluster absorb the loss of a server, and no further. What
//! does not grow draws on a reserve; reads and recoveries go on; nothing is evicted.

use crate::rig::{Rig, config, object};
use crate::stores::{StoreRig, TABLE, everything};
use rekindle_log::store::Condition;
use rekindle_log::{Log, LogConfig, LogError, StoreError, partition_segments};

const SEGMENT: u64 = 64 << 10;
const VALUE: usize = 4000;

fn settings() -> LogConfig {
    LogConfig { segments_max: 45, reserve_segments: 2, ..config() }
}

fn full_is(error: &StoreError) -> bool {
    matches!(error, StoreError::Log(LogError::Full { .. }))
}

/// Puts until memory is full for it. Returns how many were taken.
fn fill(rig: &mut StoreRig, from: u64) -> u64 {
    let mut key = from;
    loop {
        match put(rig, key, VALUE) {
            Ok(()) => key += 1,
            Err(error) if full_is(&error) => return key - from,
            Err(error) => panic!("{error}"),
        }
    }
}

fn put(rig: &mut StoreRig, key: u64, bytes: usize) -> Result<(), StoreError> {
    loop {
        match rig.store.put(TABLE, &key.to_le_bytes(), &vec![key as u8; bytes], Condition::Always) {
            Err(StoreError::Log(LogError::Busy { .. })) => rig.rig.step(),
            result => return result.map(|_| ()),
        }
    }
}

fn delete(rig: &mut StoreRig, key: u64) -> Result<(), StoreError> {
    loop {
        match rig.store.delete(TABLE, &key.to_le_bytes(), Condition::Always) {
            Err(StoreError::Log(LogError::Busy { .. })) => rig.rig.step(),
            result => return result.map(|_| ()),
        }
    }
}

fn settle(rig: &mut StoreRig) {
    (0..20).for_each(|_| rig.rig.step());
}

fn rig() -> StoreRig {
    StoreRig::with(settings())
}

#[test]
fn the_share_is_what_the_others_can_take_over() {
    // 45 less two heads kept, three heads and two of reserve are 38 segments for entries.
    let config = settings();
    assert_eq!(config.usable_segments(), 38);
    assert_eq!(config.growth_segments(1), 38 + 3, "nobody is there to take anything over");
    assert_eq!(config.growth_segments(2), 19 - 2 + 1);
    assert_eq!(config.growth_segments(5), 30 - 2 + 1);
    for servers in 2..100 {
        let (share, all) = (config.growth_segments(servers), config.usable_segments());
        assert!(u64::from(share) * u64::from(servers) <= u64::from(all) * u64::from(servers - 1));
        assert!(config.growth_segments(servers + 1) >= config.growth_segments(servers));
    }
}

#[test]
fn growth_stops_at_the_share_and_a_dead_servers_part_fits_beside_it() {
    for servers in [2, 3, 5, 8] {
        let mut rig = rig();
        rig.rig.log.share_among(servers);
        let written = fill(&mut rig, 0);
        settle(&mut rig);
        let stats = rig.rig.log.stats();
        assert_eq!(stats.segments, settings().growth_segments(servers));
        assert!(written * VALUE as u64 > u64::from(stats.segments - 1) * SEGMENT * 9 / 10, "{servers}");
        // What each of the others has to take when one of them dies that is as full.
        let part = stats.live_bytes / u64::from(servers - 1);
        let reserved = rig.rig.log.reserve(part).unwrap_or_else(|error| panic!("{servers} servers: {error}"));
        assert!(reserved.bytes() >= part);
    }
}

#[test]
fn what_does_not_grow_goes_on_until_its_reserve_is_used() {
    let mut rig = rig();
    rig.rig.log.share_among(3);
    let written = fill(&mut rig, 0);
    assert!(full_is(&put(&mut rig, 0, VALUE + 1).unwrap_err()), "it grows");
    assert!(full_is(&put(&mut rig, written, VALUE).unwrap_err()), "one more");
    let before = rig.contents().len() as u64;
    let mut drawn = 0_u64;
    loop {
        match put(&mut rig, drawn % written, VALUE) {
            Ok(()) => drawn += 1,
            Err(error) if full_is(&error) => break,
            Err(error) => panic!("{error}"),
        }
    }
    let reserve = u64::from(settings().reserve_segments) * SEGMENT;
    assert!(drawn * VALUE as u64 <= reserve && drawn * VALUE as u64 > reserve * 9 / 10, "{drawn} overwrites");
    // Little is left; tombstones still fit.
    delete(&mut rig, 1).unwrap();
    assert_eq!(rig.contents().len() as u64, before - 1);
    // One more server takes a part of the data: the reserve is whole again.
    rig.rig.log.share_among(4);
    put(&mut rig, written, VALUE).unwrap();
    assert_eq!(rig.rig.log.room().reserve_bytes, reserve);
}

#[test]
fn a_smaller_share_evicts_nothing() {
    let mut rig = rig();
    fill(&mut rig, 0);
    settle(&mut rig);
    let before = rig.contents();
    rig.rig.log.share_among(2);
    assert_eq!(rig.contents(), before);
    assert!(full_is(&put(&mut rig, u64::MAX, 1).unwrap_err()));
    put(&mut rig, 0, VALUE).unwrap();
    delete(&mut rig, 1).unwrap();
    assert_eq!(rig.contents().len(), before.len() - 1);
}

#[test]
fn what_is_reserved_nobody_else_gets() {
    let mut rig = rig();
    let log = rig.rig.log.clone();
    let bytes = 10 * SEGMENT;
    let need = partition_segments(bytes, SEGMENT as u32);
    let free = log.room().free_bytes;
    let reserved = log.reserve(bytes).unwrap();
    assert_eq!(reserved.bytes(), need * SEGMENT);
    assert_eq!(log.room().free_bytes, free, "whoever ordered the replay knows of it");
    fill(&mut rig, 0);
    while delete(&mut rig, 0).is_ok() && put(&mut rig, 1, VALUE).is_ok() {}
    settle(&mut rig);

    let side = Log::side_log_in(reserved, 1);
    let value = vec![1; VALUE];
    let mut appended = 0;
    for n in 0_u64.. {
        match side.append(&object(&n.to_le_bytes(), n + 1, &value)) {
            Ok(_) => appended += VALUE as u64,
            Err(LogError::Full { .. }) => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(appended >= bytes, "{appended} bytes fit into what was reserved for {bytes}");
    assert!(side.segments().len() as u64 >= need);
    // The reserve of deletes is whole again once there is room to grow.
    let free = || log.room().free_bytes + log.room().reserve_bytes.next_multiple_of(SEGMENT);
    let before = free();
    drop(side);
    settle(&mut rig);
    assert_eq!(free(), before, "it was counted as free");
    assert!(log.reserve(bytes / 2).is_ok(), "and is, now that the side log is dropped");
}

#[test]
fn a_reservation_that_does_not_fit_says_what_is_missing_and_takes_nothing() {
    let rig = rig();
    let log = &rig.rig.log;
    let free = log.room().free_bytes;
    let error = log.reserve(free).err().unwrap();
    assert_eq!((error.need, error.free), (partition_segments(free, SEGMENT as u32) * SEGMENT, free));
    assert!(log.reserve(u64::MAX).is_err());
    let first = log.reserve(free / 2).unwrap();
    assert!(log.reserve(free / 2).is_err(), "two halves, each with its own last segment");
    drop(first);
    assert!(log.reserve(free / 2).is_ok());
}

#[test]
fn a_committed_replay_is_no_longer_free_memory() {
    let mut dead = StoreRig::large();
    for key in 0..100 {
        put(&mut dead, key, VALUE).unwrap();
    }
    settle(&mut dead);
    let segments = dead.segments();
    let bytes: u64 = segments.iter().map(|(_, entries)| entries.len() as u64).sum();

    let mut rig = rig();
    let (log, store) = (rig.rig.log.clone(), rig.store.clone());
    let before = log.room().free_bytes;
    let replay = store.replay_in(log.reserve(bytes).unwrap(), everything(), 1);
    for (from, entries) in &segments {
        replay.apply(*from, entries).unwrap();
    }
    assert_eq!(log.room().free_bytes, before);
    rig.commit(replay).unwrap();
    settle(&mut rig);
    assert_eq!(rig.contents().len(), 100);
    let taken = before - log.room().free_bytes;
    assert!(taken >= 100 * VALUE as u64 && taken <= bytes + 3 * SEGMENT, "{taken} bytes");
}

#[test]
fn a_log_by_itself_keeps_a_reserve_for_deletes() {
    let mut config = config();
    config.reserve_segments = 1;
    let mut rig = Rig::new(config);
    rig.answer_all();
    let mut rig = StoreRig::over(rig);
    fill(&mut rig, 0);
    delete(&mut rig, 0).unwrap();
    assert!(full_is(&put(&mut rig, 0, VALUE).unwrap_err()), "what was deleted does not make room by itself");
}
