//! Cleaning: what is alive stays readable all the time, tombstones stay while they are needed, memory that somebody
//! reads is not used again, and a full log gets out of it.

use crate::rig::{Rig, config, poll};
use crate::stores::{StoreRig, TABLE, everything, partition};
use bytes::Bytes;
use rekindle_env::memory::World;
use rekindle_log::cleaner::{Cleaner, CleanerConfig, Pass, Passed};
use rekindle_log::segment::{EntryDraft, LogTime, ObjectEntry, Parsed, SegmentHeader, entries};
use rekindle_log::store::{Condition, Store, StoreConfig};
use rekindle_log::{Log, LogConfig, LogError, StoreError, Volatile};
use rekindle_types::{KeyRange, SegmentId, Version};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

fn settings() -> LogConfig {
    LogConfig { segments_max: 64, reserve_segments: 2, ..config() }.cleaned()
}

fn put(rig: &StoreRig, key: &[u8], value: &[u8]) {
    let _ = rig.store.put(TABLE, key, value, Condition::Always).unwrap();
}

fn delete(rig: &StoreRig, key: &[u8]) {
    let _ = rig.store.delete(TABLE, key, Condition::Always).unwrap();
}

/// Closes the head; returns it.
fn roll(rig: &mut StoreRig) -> SegmentId {
    let head = rig.rig.log.end().segment;
    rig.rig.roll();
    (0..5).for_each(|_| rig.rig.step());
    head
}

fn finish(rig: &mut StoreRig, mut pass: Pass) -> Passed {
    assert_eq!(pass.step(usize::MAX), Ok(true));
    let mut commit = Box::pin(pass.commit().unwrap());
    for _ in 0..100 {
        if let Poll::Ready(passed) = poll(&mut commit) {
            return passed.unwrap();
        }
        rig.rig.log.finish_cleaning();
        rig.rig.step();
    }
    panic!("the commit does not end");
}

fn clean(rig: &mut StoreRig, victims: &[SegmentId]) -> Passed {
    let pass = Pass::begin(&rig.store, victims).expect("they can be cleaned into fewer");
    finish(rig, pass)
}

/// What a crash leaves.
fn recovered(rig: &StoreRig) -> StoreRig {
    StoreRig::recovered(&rig.segments())
}

#[test]
fn what_is_moved_can_be_read_before_its_survivor_is_durable() {
    let mut rig = Rig::new(settings());
    rig.answer("open 1");
    let mut rig = StoreRig::over(rig);
    let mut victims = Vec::new();
    for key in [b"a", b"b"] {
        put(&rig, key, b"value");
        rig.rig.step();
        let segment = rig.rig.log.end().segment;
        rig.rig.answer(&format!("append {segment}", segment = segment.0));
        rig.rig.roll();
        rig.rig.answer(&format!("open {}", segment.0 + 1));
        rig.rig.answer(&format!("close {}", segment.0));
        victims.push(segment);
    }
    let mut pass = Pass::begin(&rig.store, &victims).unwrap();
    assert_eq!(pass.step(usize::MAX), Ok(true));
    let commit = pass.commit().unwrap();
    rig.rig.step();
    for answer in [rig.store.get(TABLE, b"a"), rig.store.get_durable(TABLE, b"b")] {
        let (object, after) = answer.unwrap().into_parts();
        assert_eq!(object.unwrap().value, "value");
        assert!(after <= rig.rig.log.durable(), "it waits for no survivor");
    }
    // What is written to it waits as ever.
    let written = rig.store.put(TABLE, b"a", b"newer", Condition::Always).unwrap();
    assert!(written.after() > rig.rig.log.durable());
    assert_eq!(rig.store.get_durable(TABLE, b"a").unwrap().value().as_ref().unwrap().value, "value");
    drop(commit);
    rig.rig.answer_all();
    assert_eq!(recovered(&rig).contents(), rig.contents());
}

#[test]
fn survivors_come_and_victims_go_by_one_switch() {
    let mut rig = Rig::new(settings());
    rig.answer("open 1");
    let mut rig = StoreRig::over(rig);
    rig.rig.answer_all();
    let mut victims = Vec::new();
    for key in 0..4_u8 {
        put(&rig, &[key], &[key; 100]);
        victims.push(roll(&mut rig));
    }
    let before = rig.contents();
    let passed = clean(&mut rig, &victims);
    assert_eq!((passed.victims, passed.survivors), (4, 1));
    // No digest names both, or neither.
    let heads: Vec<SegmentId> =
        (1..=rig.rig.log.end().segment.0).map(SegmentId).filter(|id| rig.rig.sink.is_head(*id)).collect();
    let kept = heads.iter().filter(|id| rig.rig.sink.is_kept(**id));
    for digest in kept.filter_map(|head| rig.rig.sink.digest(*head)) {
        let named = victims.iter().filter(|victim| digest.contains(victim)).count();
        assert!(named == 0 || named == 4 || digest.iter().all(|id| id.0 <= 5), "{digest:?}");
    }
    assert!(victims.iter().all(|victim| !rig.rig.sink.is_kept(*victim)), "their replicas are freed");
    assert_eq!((rig.contents(), recovered(&rig).contents()), (before.clone(), before));
}

#[test]
fn survivors_hold_the_oldest_first() {
    let mut rig = StoreRig::with(settings());
    let mut victims = Vec::new();
    // Times go back and forth, in segments and from one to the next.
    for segment in 0..4_u32 {
        for key in 0..5_u32 {
            rig.store.set_time(LogTime((segment * 101 + key * 37) % 50));
            put(&rig, &[segment as u8, key as u8], &[1; 100]);
        }
        victims.push(roll(&mut rig));
    }
    let passed = clean(&mut rig, &victims);
    assert_eq!((passed.victims, passed.survivors), (4, 1));
    let times = |bytes: &Bytes| {
        let all = entries(bytes).filter_map(|entry| match entry.unwrap().parse().unwrap() {
            Parsed::Object(object) => Some(object.timestamp),
            _ => None,
        });
        all.collect::<Vec<_>>()
    };
    let all: Vec<_> =
        rig.segments().iter().map(|(_, bytes)| times(bytes)).filter(|times| !times.is_empty()).collect();
    let [survivor] = &all[..] else { panic!("the heads are empty: {all:?}") };
    assert_eq!(survivor.len(), 20);
    assert!(survivor.is_sorted(), "{survivor:?}");
}

#[test]
fn passes_wait_for_segments_that_no_append_can_take() {
    let mut rig = StoreRig::with(LogConfig { segments_max: 40, reserve_segments: 4, ..config() }.cleaned());
    let mut key = 0_u32;
    let grow = |rig: &mut StoreRig, key: u32| {
        let grown = rig.store.put(TABLE, &key.to_le_bytes(), &[1; 2_000], Condition::Always).map(drop);
        rig.rig.step();
        grown
    };
    while grow(&mut rig, key).is_ok() {
        key += 1;
    }
    // Of every segment two fifths die: three make two.
    for dead in (0..key).filter(|key| key % 5 < 2) {
        let _ = rig.store.delete(TABLE, &dead.to_le_bytes(), Condition::Always).unwrap();
        rig.rig.step();
    }
    let mut segments = rig.rig.log.cleanable().into_iter().map(|s| s.segment).collect::<Vec<_>>();
    segments.sort_unstable();
    let mut passes = Vec::new();
    let begun = |three: &&[SegmentId]| Pass::begin(&rig.store, three).map(|pass| passes.push(pass)).is_none();
    let waiting = segments.chunks_exact(3).find(begun);
    let waiting = waiting.expect("more passes than segments for survivors");
    assert!(!passes.is_empty(), "appends have taken what was set aside");
    // Nor can they now, and every pass comes to its end.
    let refused = loop {
        match grow(&mut rig, key) {
            Ok(()) => key += 1,
            Err(error) => break error,
        }
    };
    // Of memory, or of what the passes will give back.
    let is_short = matches!(refused, StoreError::Log(LogError::Full { .. } | LogError::Busy { waiting: 0 }));
    assert!(is_short, "{refused:?}");
    let before = rig.contents();
    assert!(Pass::begin(&rig.store, waiting).is_none());
    assert_eq!(finish(&mut rig, passes.remove(0)).survivors, 2);
    passes.push(Pass::begin(&rig.store, waiting).expect("the next one takes its place"));
    for pass in passes {
        assert_eq!(finish(&mut rig, pass).survivors, 2);
    }
    assert_eq!(rig.contents(), before);
    grow(&mut rig, u32::MAX).expect("there is room again");
}

#[test]
fn dead_objects_stay_as_tombstones_of_what_they_replaced() {
    let mut rig = StoreRig::with(settings());
    put(&rig, b"k", b"first");
    let first = roll(&mut rig);
    put(&rig, b"k", b"second");
    let second = roll(&mut rig);
    delete(&rig, b"k");
    let deleted = roll(&mut rig);
    put(&rig, b"another", b"value");
    let another = roll(&mut rig);
    // The second object leaves, so does its tombstone, which named it: not without leaving one for the first.
    clean(&mut rig, &[second, another]);
    clean(&mut rig, &[deleted]);
    assert_eq!(recovered(&rig).contents().len(), 1, "only the other one");
    // Once the first is gone nothing needs it.
    clean(&mut rig, &[first]);
    let tombstones = rig.rig.log.cleanable().into_iter().map(|s| s.live_bytes).min().unwrap();
    let alone = 36 + 7 + 5 + SegmentHeader::LEN as u64;
    assert!(tombstones <= alone + 40, "{tombstones} bytes are alive");
    assert_eq!(recovered(&rig).contents(), rig.contents());
}

#[test]
fn tombstones_count_as_garbage_once_what_they_name_is_gone() {
    let mut rig = StoreRig::with(settings());
    let keys: Vec<[u8; 2]> = (0..200_u16).map(u16::to_le_bytes).collect();
    keys.iter().for_each(|key| put(&rig, key, b"value"));
    let objects = roll(&mut rig);
    keys.iter().for_each(|key| delete(&rig, key));
    let tombstones = roll(&mut rig);
    let live = |rig: &StoreRig, id| {
        let all = rig.rig.log.cleanable();
        all.iter().find(|s| s.segment == id).map(|s| s.live_bytes).unwrap()
    };
    let before = live(&rig, tombstones);
    assert!(before > 200 * 20, "needed while the objects are in the log: {before}");
    clean(&mut rig, &[objects]);
    let after = live(&rig, tombstones);
    assert!(after < before / 10, "{after} of {before} bytes");
}

#[test]
fn a_pass_that_ends_early_leaves_all_in_place() {
    let mut rig = StoreRig::with(settings());
    let mut victims = Vec::new();
    for segment in 0..3_u8 {
        for key in 0..20_u8 {
            put(&rig, &[segment, key], &[key; 50]);
        }
        victims.push(roll(&mut rig));
    }
    let before = rig.contents();
    drop(Pass::begin(&rig.store, &victims).unwrap());
    let mut pass = Pass::begin(&rig.store, &victims).expect("the first has let go of them");
    assert_eq!(pass.step(25), Ok(false));
    drop(pass);
    (0..10).for_each(|_| rig.rig.step());
    rig.rig.log.finish_cleaning();
    (0..10).for_each(|_| rig.rig.step());
    assert_eq!(rig.contents(), before);
    // Were a victim cleaned now, or the survivor, which has a copy of what is in the victims: a deleted object could
    // come back.
    let cleanable: Vec<SegmentId> = rig.rig.log.cleanable().iter().map(|s| s.segment).collect();
    let survivor = rig.rig.log.segments().into_iter().find(|id| !rig.rig.log.is_head(*id)).unwrap();
    assert!(!cleanable.contains(&survivor), "{cleanable:?}");
    assert!(victims.iter().all(|victim| !cleanable.contains(victim)), "{cleanable:?}");
    assert!(Pass::begin(&rig.store, &victims).is_none());
    for key in 0..20_u8 {
        delete(&rig, &[0, key]);
    }
    let expected = rig.contents();
    assert_eq!(expected.len(), 40);
    assert_eq!(recovered(&rig).contents(), expected);
}

#[test]
fn memory_that_is_read_is_not_used_again() {
    let mut rig = StoreRig::with(LogConfig { segments_max: 20, reserve_segments: 0, ..config() }.cleaned());
    let long = vec![7; 5_000];
    put(&rig, b"long", &long);
    let (read, _) = rig.store.get(TABLE, b"long").unwrap().into_parts();
    let held: Bytes = read.unwrap().value;
    let first = roll(&mut rig);
    put(&rig, b"another", b"value");
    let second = roll(&mut rig);
    clean(&mut rig, &[first, second]);
    // Everything else is written over several times.
    for round in 0..400_u32 {
        let value = vec![round as u8; 4_000];
        while rig.store.put(TABLE, &[round as u8 % 4], &value, Condition::Always).is_err() {
            let chosen = Cleaner::new(rig.store.clone(), CleanerConfig::default()).choose(0);
            let pass = Pass::begin(&rig.store, &chosen).expect("nearly all is garbage");
            finish(&mut rig, pass);
        }
        rig.rig.step();
    }
    assert!(held == long, "it changed under its reader");
    assert_eq!(rig.read([&b"long".to_vec()]).len(), 1);
}

#[test]
fn a_former_life_leaves_not_even_a_tombstone() {
    // A dead master had k twice. Its newer version counts.
    let object = |version, value| {
        let object = ObjectEntry {
            table: TABLE,
            version: Version(version),
            timestamp: LogTime(1),
            replaces: None,
            expiry: None,
            key: b"k",
            value,
        };
        let mut bytes = vec![0; EntryDraft::Object(object).encoded_len()];
        EntryDraft::Object(object).encode(&mut bytes);
        bytes
    };
    let (older, newer) = (object(3, b"older"), object(5, b"newer"));
    let mut rig = StoreRig::with(settings());
    // A first try to take it over: the newer one replaces the older, which lies in another segment.
    let replay = rig.store.replay(everything(), 2);
    replay.apply_in(0, SegmentId(1), &older).unwrap();
    replay.apply_in(1, SegmentId(2), &newer).unwrap();
    rig.commit(replay).unwrap();
    let sides: Vec<SegmentId> =
        rig.rig.log.segments().into_iter().filter(|id| !rig.rig.log.is_head(*id)).collect();
    assert_eq!(sides.len(), 2);
    // It was obsolete: given up, and taken again.
    rig.store.purge(TABLE, KeyRange::FULL);
    let replay = rig.store.replay(everything(), 1);
    replay.apply(SegmentId(2), &newer).unwrap();
    let created = replay.created();
    rig.commit(replay).unwrap();
    // Of the first try, the segment with the newer one goes: dead, and naming the older one's.
    put(&rig, b"another", b"value");
    let another = roll(&mut rig);
    clean(&mut rig, &[sides[1], another]);
    let before = rig.contents();
    assert_eq!(before.len(), 2);

    let mut new = StoreRig::large();
    let replay = new.store.replay(partition(KeyRange::FULL, created), 1);
    for (from, entries) in rig.segments() {
        replay.apply(from, &entries).unwrap();
    }
    new.commit(replay).unwrap();
    assert_eq!(new.contents(), before, "the version of the first try must not kill that of the second");
}

#[test]
fn what_won_nothing_is_not_tried_again_at_once() {
    let mut rig = StoreRig::with(settings());
    // Every second object of some segments is written over, and what replaced it too: dead, but needed as tombstones.
    let key = |n: u16| [&n.to_le_bytes()[..], &[7; 250]].concat();
    (0..400).for_each(|n| put(&rig, &key(n), &[1; 100]));
    roll(&mut rig);
    let dead: Vec<SegmentId> = (0..3_u16)
        .map(|part| {
            (0..60).for_each(|n| put(&rig, &key(part * 60 + n), b""));
            roll(&mut rig)
        })
        .collect();
    (0..180).for_each(|n| put(&rig, &key(n), b""));
    roll(&mut rig);
    let alive = |rig: &StoreRig| {
        let all = rig.rig.log.cleanable();
        all.iter().filter(|s| dead.contains(&s.segment)).map(|s| s.live_bytes).collect::<Vec<_>>()
    };
    assert!(alive(&rig).iter().all(|bytes| *bytes < 1_000), "they look dead: {:?}", alive(&rig));
    assert!(Pass::begin(&rig.store, &dead[..1]).is_none(), "one makes one");
    assert!(alive(&rig)[0] > 60 * 250, "now it is known: {:?}", alive(&rig));
}

#[test]
fn the_present_life_keeps_its_tombstones() {
    let mut rig = StoreRig::with(settings());
    put(&rig, b"k", b"of a former life");
    roll(&mut rig);
    rig.store.purge(TABLE, KeyRange::FULL);
    put(&rig, b"k", b"value");
    let put_in = roll(&mut rig);
    delete(&rig, b"k");
    let deleted = roll(&mut rig);
    put(&rig, b"another", b"value");
    let another = roll(&mut rig);
    clean(&mut rig, &[deleted, another]);
    assert!(rig.rig.log.segments().contains(&put_in));
    let lived = rig.segments().into_iter().filter(|(id, _)| *id >= put_in).collect::<Vec<_>>();
    assert_eq!(StoreRig::recovered(&lived).contents(), rig.contents(), "only the other one");
}

#[test]
fn a_full_log_is_cleaned_out_of_it() {
    let mut rig = StoreRig::with(settings());
    let is_full = |error: &StoreError| matches!(error, StoreError::Log(LogError::Full { .. }));
    let mut key = 0_u32;
    let cleaner = Cleaner::new(rig.store.clone(), CleanerConfig::default());
    let clean_all = |rig: &mut StoreRig| {
        let (mut won, mut in_vain) = (0, 0);
        while in_vain < 5 {
            // What it finds in vain it knows the next time.
            let chosen = cleaner.choose(0);
            let Some(pass) = (!chosen.is_empty()).then(|| Pass::begin(&rig.store, &chosen)).flatten() else {
                in_vain += 1;
                continue;
            };
            let passed = finish(rig, pass);
            won += passed.victims - passed.survivors;
        }
        won
    };
    // Only new data, to the brim.
    loop {
        match rig.store.put(TABLE, &key.to_le_bytes(), &[1; 2_000], Condition::Always) {
            Ok(_) => key += 1,
            Err(error) if is_full(&error) => break,
            Err(error) => panic!("{error}"),
        }
        rig.rig.step();
    }
    clean_all(&mut rig);
    // L2: whatever does not grow draws on the reserve, which only the cleaner refills: for ever.
    let (mut overwritten, mut refused) = (0_u64, 0);
    while overwritten < 3 * u64::from(key) {
        let at = (overwritten.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32 % key;
        match rig.store.put(TABLE, &at.to_le_bytes(), &[2; 2_000], Condition::Always) {
            Ok(_) => overwritten += 1,
            Err(error) if is_full(&error) => {
                refused += 1;
                assert!(clean_all(&mut rig) > 0, "no way out after {overwritten}");
            }
            // Of heads, or of what is to be cleaned.
            Err(StoreError::Log(LogError::Busy { .. })) => {
                clean_all(&mut rig);
                refused += 1;
                assert!(refused < 10_000, "no way out after {overwritten}");
            }
            Err(error) => panic!("{error}"),
        }
        rig.rig.step();
    }
    assert!(refused > 0, "the log was full");
    assert_eq!(rig.contents().len(), key as usize);
    // After deletes there is room to grow.
    for at in 0..key / 4 {
        while let Err(error) = rig.store.delete(TABLE, &at.to_le_bytes(), Condition::Always) {
            assert!(clean_all(&mut rig) > 0 || !is_full(&error), "{error}");
            rig.rig.step();
        }
    }
    while rig.store.put(TABLE, b"grown", &[4; 2_000], Condition::Always).is_err() {
        assert!(clean_all(&mut rig) > 0, "{:?}", rig.rig.log.memory_use());
    }
    put(&rig, b"new", &[3; 2_000]);
    assert_eq!(recovered(&rig).contents(), rig.contents());
}

#[test]
fn what_a_pass_wins_goes_to_the_reserve_first() {
    let mut rig = StoreRig::with(settings());
    for n in 0..1_200_u32 {
        put(&rig, &(n % 200).to_le_bytes(), &[1; 2_000]);
        rig.rig.step();
    }
    // Far more segments are in use than data may have now, and will be after the pass.
    rig.rig.log.share_among(2);
    let overwrite = |rig: &mut StoreRig| {
        let written = (0..1_000_u32)
            .take_while(|n| {
                rig.rig.step();
                rig.store.put(TABLE, &(n % 200).to_le_bytes(), &[2; 2_000], Condition::Always).is_ok()
            })
            .count();
        assert!(written < 1_000, "the reserve is used up some time");
        written
    };
    assert!(overwrite(&mut rig) > 0);
    assert_eq!(overwrite(&mut rig), 0);
    let dead: Vec<SegmentId> =
        rig.rig.log.cleanable().iter().filter(|s| s.live_bytes < 200).map(|s| s.segment).take(2).collect();
    let passed = clean(&mut rig, &dead);
    assert!(passed.victims > passed.survivors && rig.rig.log.memory_use().growth_left == 0, "{passed:?}");
    assert!(overwrite(&mut rig) > 0, "{:?}", rig.rig.log.room());
}

/// Over a sink that keeps nothing, with log and cleaner as tasks of a world.
fn in_a_world(world: &World, settings: LogConfig, config: CleanerConfig) -> (Arc<Store>, Arc<Cleaner>) {
    let log = Log::new(settings, Arc::new(Volatile)).unwrap();
    let store = Store::new(log.clone(), StoreConfig::default());
    let cleaner = Cleaner::new(store.clone(), config);
    let env = world.node("master").env();
    let run = log.run();
    let mut tasks = vec![env.spawn.spawn("log", Box::pin(async move { drop(run.await) }))];
    let run = cleaner.clone().run(env.clone());
    tasks.push(env.spawn.spawn("cleaner", Box::pin(async move { drop(run.await) })));
    std::mem::forget(tasks); // They end with the world.
    (store, cleaner)
}

#[test]
fn a_cleaner_that_runs_keeps_writes_going() {
    let world = World::new(3);
    let (store, cleaner) = in_a_world(&world, settings(), CleanerConfig::default());
    let clock = world.node("client").env().clock;
    let mut waits = 0;
    world.block_on(async {
        for n in 0..20_000_u64 {
            let key = (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) % 1_000;
            while let Err(error) = store.put(TABLE, &key.to_le_bytes(), &[n as u8; 2_000], Condition::Always)
            {
                assert!(matches!(error, StoreError::Log(LogError::Full { .. } | LogError::Busy { .. })));
                waits += 1;
                assert!(waits < 10_000, "{:?}", store.log().memory_use());
                clock.sleep(Duration::from_millis(1)).await;
            }
            if n % 8 == 0 {
                clock.sleep(Duration::from_micros(100)).await;
            }
        }
    });
    let stats = cleaner.stats();
    assert!(stats.passes > 10 && stats.victims > stats.survivors + 300, "{stats:?}");
    assert_eq!(store.objects(), 1_000);
}

#[test]
fn garbage_is_given_back_though_there_is_room() {
    let world = World::new(4);
    let (store, _) =
        in_a_world(&world, LogConfig { segments_max: 400, ..settings() }, CleanerConfig::default());
    let clock = world.node("client").env().clock;
    world.block_on(async {
        for n in 0..8_000_u32 {
            let key = (n % 100).to_le_bytes();
            let _ = store.put(TABLE, &key, &[0; 2_000], Condition::Always).unwrap();
            if n % 20 == 0 {
                clock.sleep(Duration::from_millis(1)).await;
            }
        }
        clock.sleep(Duration::from_secs(10)).await;
    });
    let segments = store.log().stats().segments;
    assert!(segments <= 20, "{segments} segments for 4 segments of data");
}

#[test]
fn cleaning_takes_its_time_while_there_is_room() {
    const RATE: u64 = 64 << 10;
    let moved = |segments_max| {
        let world = World::new(5);
        let config =
            CleanerConfig { bytes_per_second: RATE, slice_bytes: 16 << 10, ..CleanerConfig::default() };
        let (store, cleaner) = in_a_world(&world, LogConfig { segments_max, ..settings() }, config);
        let clock = world.node("client").env().clock;
        world.block_on(async {
            // Every other object is dead.
            for n in 0..1_200_u32 {
                for key in [n, u32::MAX] {
                    let _ = store.put(TABLE, &key.to_le_bytes(), &[0; 1_000], Condition::Always);
                }
                if n % 20 == 0 {
                    clock.sleep(Duration::from_millis(1)).await;
                }
            }
            clock.sleep(Duration::from_secs(2)).await;
        });
        cleaner.stats().moved_bytes
    };
    let with_room = moved(400);
    assert!((RATE / 2..4 * RATE).contains(&with_room), "{with_room} bytes in two seconds");
    let short = moved(46);
    assert!(short > 4 * RATE, "{short} bytes, though memory is short");
}

#[test]
fn threads_read_and_write_while_passes_run() {
    let few = LogConfig { segments_max: 26, reserve_segments: 2, ..config() }.cleaned();
    let log = Log::new(few, Arc::new(Volatile)).unwrap();
    let store = Store::new(log.clone(), StoreConfig { pin_bytes_min: 1_000, ..StoreConfig::default() });
    let cleaner = Cleaner::new(store.clone(), CleanerConfig::default());
    // Writers go on until enough passes have met them, however the machine shares its cores out.
    let (keys, rounds_min, rounds_max, passes_min) = (400_u32, 14_u32, 100_000_u32, 6_u32);
    let (is_done, passes) = (AtomicBool::new(false), AtomicU32::new(0));
    let (s, done, passes) = (&store, &is_done, &passes);
    let value = |key: u32, round: u32| {
        let word = u64::from(key) << 32 | u64::from(round);
        word.to_le_bytes().repeat(if key.is_multiple_of(3) { 200 } else { 40 })
    };
    let write = |key: u32, round: u32| {
        let value = value(key, round);
        while s.put(TABLE, &key.to_le_bytes(), &value, Condition::Always).is_err() {
            std::thread::yield_now();
        }
    };
    let mut run = Box::pin(log.run());
    for key in 0..keys {
        assert!(poll(&mut run).is_pending());
        write(key, 0);
    }
    assert!(poll(&mut run).is_pending() && s.log().durable() == s.log().end());
    let last_rounds = std::thread::scope(|scope| {
        let run = scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                assert!(poll(&mut run).is_pending());
                std::thread::yield_now();
            }
            // Dropped here it would close the log under a pass that is not over.
            run
        });
        let writers: Vec<_> = (0..2)
            .map(|lane| {
                scope.spawn(move || {
                    let mut round = 0;
                    while round < rounds_min || passes.load(Ordering::Relaxed) < passes_min {
                        round += 1;
                        assert!(round < rounds_max, "too few passes");
                        (0..keys).filter(|key| key % 2 == lane).for_each(|key| write(key, round));
                    }
                    round
                })
            })
            .collect();
        let reader = scope.spawn(move || {
            let mut seen = vec![[0; 2]; keys as usize];
            let mut key = 0;
            while !done.load(Ordering::Relaxed) {
                key = (key + 7) % keys;
                let answers = [s.get_durable(TABLE, &key.to_le_bytes()), s.get(TABLE, &key.to_le_bytes())];
                for (answer, seen) in answers.into_iter().zip(&mut seen[key as usize]) {
                    let Some(object) = answer.unwrap().into_parts().0 else { panic!("{key} is lost") };
                    let round = u32::from_le_bytes(object.value[..4].try_into().unwrap());
                    assert!(object.value == value(key, round), "{key} is torn");
                    assert!(round >= *seen, "{key} goes back");
                    *seen = round;
                }
            }
        });
        let clean = scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                let chosen = cleaner.choose(0);
                let Some(mut pass) = Pass::begin(s, &chosen) else { continue };
                while !pass.step(50).unwrap() {}
                let mut commit = Box::pin(pass.commit().unwrap());
                while poll(&mut commit).is_pending() && !done.load(Ordering::Relaxed) {
                    s.log().finish_cleaning();
                    std::thread::yield_now();
                }
                passes.fetch_add(1, Ordering::Relaxed);
            }
        });
        let ended: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        // Also when a writer has failed: the others wait for this.
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
        let _run = run.join().unwrap();
        clean.join().unwrap();
        ended.into_iter().map(Result::unwrap).collect::<Vec<u32>>()
    });
    for key in 0..keys {
        let (object, _) = store.get(TABLE, &key.to_le_bytes()).unwrap().into_parts();
        assert!(object.unwrap().value == value(key, last_rounds[key as usize % 2]));
    }
}
