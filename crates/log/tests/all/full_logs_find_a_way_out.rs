//! Logs that are nearly full of what is hard to clean: objects so long that segments end with a gap, and dead objects
//! that are needed as tombstones of each other. While growth is refused for garbage (`Busy`), a cleaner finds a way.

use crate::rig::{config, poll};
use crate::stores::{Contents, StoreRig, TABLE, everything};
use rekindle_log::cleaner::{Cleaner, CleanerConfig, Pass};
use rekindle_log::store::Condition;
use rekindle_log::{LogConfig, LogError, StoreError};
use std::sync::Arc;
use std::task::Poll;

fn settings() -> LogConfig {
    LogConfig { segments_max: 64, reserve_segments: 2, ..config() }.cleaned()
}

struct Full {
    rig: StoreRig,
    cleaner: Arc<Cleaner>,
    model: Contents,
}

impl Full {
    fn new(settings: LogConfig) -> Self {
        let rig = StoreRig::with(settings);
        let cleaner = Cleaner::new(rig.store.clone(), CleanerConfig::default());
        Self { rig, cleaner, model: Contents::new() }
    }

    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), LogError> {
        let written = self.rig.store.put(TABLE, key, value, Condition::Always);
        self.rig.rig.step();
        match written {
            Ok(_) => {
                let (object, _) = self.rig.store.get(TABLE, key).unwrap().into_parts();
                self.model.insert(key.to_vec(), (value.to_vec(), object.unwrap().version));
                Ok(())
            }
            Err(StoreError::Log(error)) => Err(error),
            Err(error) => panic!("{error}"),
        }
    }

    /// One pass, if one is thought worth it and is. Whether something was won.
    fn clean(&mut self) -> bool {
        self.begin_pass().is_some_and(|pass| self.finish_pass(pass))
    }

    fn begin_pass(&self) -> Option<Pass> {
        let chosen = self.cleaner.choose(0);
        (!chosen.is_empty()).then(|| Pass::begin(&self.rig.store, &chosen)).flatten()
    }

    fn finish_pass(&mut self, mut pass: Pass) -> bool {
        assert_eq!(pass.step(usize::MAX), Ok(true));
        let mut commit = Box::pin(pass.commit().unwrap());
        for _ in 0..100 {
            if let Poll::Ready(passed) = poll(&mut commit) {
                let passed = passed.unwrap();
                return passed.victims > passed.survivors;
            }
            self.rig.rig.log.finish_cleaning();
            self.rig.rig.step();
        }
        panic!("the commit does not end");
    }

    /// Puts; while the answer is `Busy`, a cleaner has to win something within a few tries.
    fn put_or_full(&mut self, key: &[u8], value: &[u8]) -> bool {
        let mut in_vain = 0;
        loop {
            match self.put(key, value) {
                Ok(()) => return true,
                Err(LogError::Full { .. }) => return false,
                Err(LogError::Busy { .. }) => {
                    in_vain = if self.clean() { 0 } else { in_vain + 1 };
                    assert!(in_vain < 20, "busy for ever: {:?}", self.rig.rig.log.memory_use());
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn check(&self) {
        assert!(self.rig.contents() == self.model);
        assert!(StoreRig::recovered(&self.rig.segments()).contents() == self.model);
    }
}

#[test]
fn objects_that_leave_a_gap_in_every_segment() {
    let bytes = settings().value_bytes_max();
    let mut full = Full::new(settings());
    let mut keys = 0_u32;
    while full.put_or_full(&keys.to_le_bytes(), &vec![keys as u8; bytes]) {
        keys += 1;
    }
    // No more of them are alive than can be written over for ever.
    for round in 0..3 * keys {
        let key = round.wrapping_mul(0x9e37_79b9) % keys;
        let mut in_vain = 0;
        while full.put(&key.to_le_bytes(), &vec![round as u8; bytes]).is_err() {
            in_vain = if full.clean() { 0 } else { in_vain + 1 };
            assert!(in_vain < 20, "{:?}", full.rig.rig.log.memory_use());
        }
    }
    full.check();
}

#[test]
fn hot_keys_whose_dead_objects_are_tombstones_of_each_other() {
    let mut full = Full::new(settings());
    let usable = u64::from(settings().usable_segments()) * u64::from(settings().segment_bytes);
    let hot = |n: u32| [&n.to_le_bytes()[..], &[7; 200]].concat();
    // Cold objects, and between them the first versions of keys that change all the time.
    let (mut written, mut hot_keys, mut n) = (0, 0, 0_u32);
    while written < usable * 3 / 4 {
        assert!(full.put_or_full(&n.to_be_bytes(), &[1; 1_000]));
        written += 1_040;
        if n.is_multiple_of(5) {
            assert!(full.put_or_full(&hot(hot_keys), b""));
            hot_keys += 1;
            written += 240;
        }
        n += 1;
    }
    for round in 0..40 {
        for key in 0..hot_keys {
            assert!(full.put_or_full(&hot(key), b""), "round {round}: {:?}", full.rig.rig.log.memory_use());
            // As soon as there is something that looks dead.
            if key.is_multiple_of(16) {
                full.clean();
            }
        }
    }
    full.check();
}

#[test]
fn a_recovery_may_bring_more_than_data_may_grow_to() {
    let hot = |n: u32| [&n.to_le_bytes()[..], &[7; 200]].concat();
    let mut dead = Full { rig: StoreRig::large(), ..Full::new(settings()) };
    let (mut bytes, mut hot_keys, mut n) = (0, 0, 0_u32);
    while bytes < 47 * u64::from(settings().segment_bytes) {
        dead.put(&n.to_be_bytes(), &[1; 1_000]).unwrap();
        bytes += 1_040;
        if n.is_multiple_of(5) {
            dead.put(&hot(hot_keys), b"").unwrap();
            hot_keys += 1;
            bytes += 240;
        }
        n += 1;
    }
    let mut full = Full::new(settings());
    let reserved = full.rig.rig.log.reserve(bytes).unwrap();
    let replay = full.rig.store.replay_in(reserved, everything(), 1);
    for (from, entries) in dead.rig.segments() {
        replay.apply(from, &entries).unwrap();
    }
    full.rig.commit(replay).unwrap();
    full.model = dead.model;
    for round in 0..12 {
        for key in 0..hot_keys {
            let mut in_vain = 0;
            while full.put(&hot(key), b"").is_err() {
                in_vain = if full.clean() { 0 } else { in_vain + 1 };
                assert!(in_vain < 20, "round {round}: {:?}", full.rig.rig.log.memory_use());
            }
            if key.is_multiple_of(16) {
                full.clean();
            }
        }
    }
    full.check();
}

#[test]
fn heads_that_are_forced_leave_a_pass_its_frames() {
    let mut full = Full::new(settings());
    // Of what was written first every other object is alive.
    let key = |n: u32| n.to_le_bytes();
    let some = (settings().segment_bytes / 1_040) * 28;
    (0..some).for_each(|n| full.put(&key(n), &[1; 1_000]).unwrap());
    (0..some).step_by(2).for_each(|n| full.put(&key(n), &[2; 1_000]).unwrap());
    let pass = full.begin_pass().expect("worth it");
    (0..2 * settings().segments_max).for_each(|_| full.rig.rig.roll());
    assert!(full.finish_pass(pass), "{:?}", full.rig.rig.log.memory_use());
    full.check();
}
