//! Readers and writers on several threads: every key's history stays one, and nothing is torn.

use crate::stores::{StoreRig, TABLE, everything};
use rekindle_log::store::{Condition, WriteOutcome};
use rekindle_types::KeyRange;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn conditional_writers_never_lose_an_update() {
    let store = StoreRig::large();
    let s = &store.store;
    let (threads, rounds, keys) = (4, 400_u32, 8_u8);
    for key in 0..keys {
        let _ = s.put(TABLE, &[key], &0_u32.to_le_bytes(), Condition::Always).unwrap();
    }
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(move || {
                    for round in 0..rounds {
                        let key = [round as u8 % keys];
                        loop {
                            let (object, _) = s.get(TABLE, &key).unwrap().into_parts();
                            let object = object.unwrap();
                            let count = u32::from_le_bytes(object.value[..].try_into().unwrap()) + 1;
                            let condition = Condition::IfVersion(object.version);
                            let put = s.put(TABLE, &key, &count.to_le_bytes(), condition).unwrap();
                            if matches!(put.value(), WriteOutcome::Written(_)) {
                                break;
                            }
                        }
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                let (page, _) = s.scan(TABLE, KeyRange::FULL, usize::MAX).into_parts();
                assert_eq!(page.objects.len(), usize::from(keys));
            }
        });
        writers.into_iter().for_each(|w| w.join().unwrap());
        is_done.store(true, Ordering::Relaxed);
    });
    let total: u32 =
        store.contents().values().map(|(v, _)| u32::from_le_bytes(v[..].try_into().unwrap())).sum();
    assert_eq!(total, threads * rounds);
}

#[test]
fn threads_replay_one_partition_together() {
    let mut old = StoreRig::large();
    for round in 0..4_u8 {
        for n in 0..500_u16 {
            let _ = old.store.put(TABLE, &n.to_le_bytes(), &[round; 50], Condition::Always).unwrap();
            if n % 7 == u16::from(round) {
                let _ = old.store.delete(TABLE, &n.to_le_bytes(), Condition::Always).unwrap();
            }
        }
        old.rig.roll();
    }
    let segments = old.segments();
    let mut new = StoreRig::large();
    let replay = new.store.replay(everything(), 3);
    std::thread::scope(|scope| {
        for lane in 0..3 {
            let (replay, segments) = (&replay, &segments);
            scope.spawn(move || {
                for i in 0..segments.len() {
                    let (from, entries) = &segments[(i + lane) % segments.len()];
                    replay.apply_in(lane, *from, entries).unwrap();
                }
            });
        }
    });
    new.commit(replay).unwrap();
    assert_eq!(new.contents(), old.contents());
    let again = StoreRig::recovered(&new.segments());
    assert_eq!(again.contents(), old.contents());
}
