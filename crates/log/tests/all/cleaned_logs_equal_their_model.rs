//! Puts, overwrites and deletes of mixed sizes turn a log over many times while it is cleaned, by several passes at
//! once that are interrupted after every few entries. The store, and what a crash at any instant leaves of it, equal a
//! map; and the log gets no longer.

use crate::rig::{config, poll};
use crate::stores::{Contents, TABLE, contents, everything, read};
use bytes::Bytes;
use rekindle_log::cleaner::{Cleaner, CleanerConfig, Pass};
use rekindle_log::segment::{EntryDraft, LogTime, ObjectEntry, SegmentHeader, TabletStat};
use rekindle_log::store::{Condition, Store, StoreConfig, WriteOutcome};
use rekindle_log::{Log, LogConfig, LogError, SegmentSource, SinkError, StoreError, Volatile};
use rekindle_types::{KeyRange, SegmentId};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

type Commit = Pin<Box<dyn Future<Output = ()>>>;

/// How long, how large, and how often a crash is looked at.
struct Scale {
    config: LogConfig,
    /// Bytes to keep alive.
    live: u64,
    turnovers: u64,
    seed: u64,
    crashes: u64,
    value_bytes_max: u64,
}

struct Play {
    store: Arc<Store>,
    run: Pin<Box<dyn Future<Output = SinkError>>>,
    cleaner: Arc<Cleaner>,
    passes: Vec<Pass>,
    commits: Vec<Commit>,
    model: Contents,
    keys: Vec<Vec<u8>>,
    scale: Scale,
    random: u64,
    keys_made: u64,
    written: u64,
    live: u64,
    passes_at_once: usize,
    passes_begun: u64,
    refused: u64,
}

impl Play {
    fn new(scale: Scale) -> Self {
        let log = Log::new(scale.config, Arc::new(Volatile)).unwrap();
        let store = Store::new(log.clone(), StoreConfig { pin_bytes_min: 1 << 10, ..StoreConfig::default() });
        let cleaner =
            Cleaner::new(store.clone(), CleanerConfig { passes_max: 3, ..CleanerConfig::default() });
        Self {
            store,
            run: Box::pin(log.run()),
            cleaner,
            passes: Vec::new(),
            commits: Vec::new(),
            model: Contents::new(),
            keys: Vec::new(),
            random: scale.seed,
            scale,
            keys_made: 0,
            written: 0,
            live: 0,
            passes_at_once: 0,
            passes_begun: 0,
            refused: 0,
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % bound
    }

    fn log(&self) -> &Arc<Log> {
        self.store.log()
    }

    /// So much stays alive: what is deleted comes back as something else.
    fn write(&mut self) {
        let overwrites = !self.keys.is_empty() && self.below(3) > 0;
        if !overwrites && self.live > self.scale.live {
            let at = self.below(self.keys.len() as u64) as usize;
            let key = self.keys[at].clone();
            if self.delete(&key) {
                self.keys.swap_remove(at);
            }
            return;
        }
        self.put_some(overwrites);
    }

    fn put_some(&mut self, overwrites: bool) {
        let key = if overwrites {
            let at = self.below(self.keys.len() as u64) as usize;
            self.keys[at].clone()
        } else {
            self.keys_made += 1;
            self.keys_made.to_le_bytes().to_vec()
        };
        let max = self.scale.value_bytes_max;
        let bytes = if self.below(10) == 0 { self.below(max) } else { self.below(max / 8) };
        let value = vec![self.below(256) as u8; bytes as usize];
        if self.put(&key, &value) && !overwrites {
            self.keys.push(key);
        }
    }

    fn put(&mut self, key: &[u8], value: &[u8]) -> bool {
        match self.store.put(TABLE, key, value, Condition::Always) {
            Ok(answer) => {
                let WriteOutcome::Written(version) = *answer.value() else { panic!("no condition") };
                let former = self.model.insert(key.to_vec(), (value.to_vec(), version));
                self.live += 36 + key.len() as u64 + value.len() as u64;
                self.forget(key, former);
                self.written += 36 + key.len() as u64 + value.len() as u64;
                true
            }
            Err(error) => self.refused(&error),
        }
    }

    fn delete(&mut self, key: &[u8]) -> bool {
        match self.store.delete(TABLE, key, Condition::Always) {
            Ok(answer) => {
                assert!(matches!(answer.value(), WriteOutcome::Deleted(_)));
                let former = self.model.remove(key);
                self.forget(key, former);
                self.written += 30 + key.len() as u64;
                true
            }
            Err(error) => self.refused(&error),
        }
    }

    fn forget(&mut self, key: &[u8], former: Option<(Vec<u8>, rekindle_types::Version)>) {
        self.live -= former.map_or(0, |(value, _)| 36 + key.len() as u64 + value.len() as u64);
    }

    fn refused(&mut self, error: &StoreError) -> bool {
        assert!(matches!(error, StoreError::Log(LogError::Full { .. } | LogError::Busy { .. })), "{error}");
        self.refused += 1;
        false
    }

    /// A little of everything: passes go on by a few entries, one may begin, commits are waited for.
    fn clean(&mut self) {
        let under_way = (self.passes.len() + self.commits.len()) as u32;
        let chosen = self.cleaner.choose(under_way);
        if !chosen.is_empty()
            && let Some(pass) = Pass::begin(&self.store, &chosen)
        {
            self.passes.push(pass);
            self.passes_begun += 1;
        }
        self.passes_at_once = self.passes_at_once.max(self.passes.len());
        let mut still = Vec::new();
        for mut pass in std::mem::take(&mut self.passes) {
            let entries = self.below(30) as usize;
            match pass.step(entries) {
                Ok(false) | Err(LogError::Full { .. }) => still.push(pass),
                Ok(true) => {
                    let commit = pass.commit().unwrap();
                    self.commits.push(Box::pin(async move { commit.await.map(drop).unwrap() }));
                }
                Err(error) => panic!("{error}"),
            }
        }
        self.passes = still;
        self.commits.retain_mut(|commit| poll(commit) == Poll::Pending);
        assert!(poll(&mut self.run).is_pending());
    }

    /// What a recovery would get now.
    fn segments(&self) -> Vec<(SegmentId, Bytes)> {
        let pinned =
            self.log().segments().into_iter().map(|id| (id, self.log().pin(id).expect("in the log")));
        pinned.map(|(id, (bytes, _))| (id, bytes.slice(SegmentHeader::LEN..))).collect()
    }

    fn check_crash(&self) {
        let recovered = recovered(&self.segments(), self.scale.config);
        assert!(contents(&recovered) == self.model, "a crash takes or brings back something");
    }

    /// The store counts what tablets hold.
    fn check_tablet_stats(&self) {
        let bytes_of = |stat: TabletStat| (stat.objects, stat.bytes);
        let all = self.store.tablet_stat(TABLE, KeyRange::FULL);
        assert_eq!(all.objects, self.model.len() as u64);
        let log_bytes = self.log().stats().live_bytes;
        assert!(all.bytes <= log_bytes && all.bytes * 10 > log_bytes * 8, "{} of {log_bytes}", all.bytes);
        // At any cut, and equal to what a recovery counts.
        let parts = KeyRange::FULL.split_even(5_000);
        let parts = parts.into_iter().map(|part| bytes_of(self.store.tablet_stat(TABLE, part)));
        let sum = parts.fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
        assert_eq!(sum, bytes_of(all));
        let entries = self.model.iter().map(|(key, (value, version))| {
            let (table, timestamp, replaces, expiry) = (TABLE, LogTime(0), None, None);
            let entry = ObjectEntry { table, version: *version, timestamp, replaces, expiry, key, value };
            EntryDraft::Object(entry).encoded_len() as u64
        });
        // Only `replaces` differs, by a few bytes.
        let entries: u64 = entries.sum();
        assert!(all.bytes >= entries && all.bytes <= entries + 4 * all.objects, "{} of {entries}", all.bytes);
    }

    fn play(mut self) {
        let memory = self.scale.memory();
        while self.live < self.scale.live {
            self.put_some(false);
            self.clean();
        }
        self.written = 0;
        let end = memory * self.scale.turnovers;
        let (mut length_early, mut crashes, mut refused_in_a_row) = (0, 0, 0_u64);
        while self.written < end {
            let (written, refused) = (self.written, self.refused);
            self.write();
            refused_in_a_row = if self.refused > refused { refused_in_a_row + 1 } else { 0 };
            assert!(refused_in_a_row < 100_000, "no way out: {:?}", self.log().memory_use());
            self.store.set_time(LogTime((self.written * 100 / memory) as u32));
            if self.below(4) == 0 {
                self.clean();
            }
            if self.written * self.scale.crashes / end > crashes {
                crashes += 1;
                self.check_crash();
            }
            if written / memory < self.written / memory {
                self.tell();
            }
            if written < 2 * memory && self.written >= 2 * memory {
                length_early = self.log().segments().len();
            }
        }
        let length = self.log().segments().len();
        assert!(
            length * 10 <= length_early * 12,
            "the log was {length_early} segments long, and is {length}"
        );
        assert!(self.passes_at_once > 1 && self.passes_begun > self.scale.turnovers, "{}", self.passes_begun);
        let stats = self.log().stats();
        assert!(stats.live_bytes.abs_diff(self.live) < stats.live_bytes / 5, "{stats:?}, {} live", self.live);
        self.check_tablet_stats();
        let keys: Vec<Vec<u8>> = self.model.keys().cloned().collect();
        assert!(contents(&self.store) == self.model && read(&self.store, &keys) == self.model);
        self.check_crash();
        println!(
            "{} bytes written, {} passes, {} refused, {length_early} then {length} segments, {} objects",
            self.written,
            self.passes_begun,
            self.refused,
            keys.len()
        );
    }

    /// A line at each turnover.
    fn tell(&self) {
        let alive = self.store.tablet_stat(TABLE, KeyRange::FULL);
        println!(
            "turnover {:2} of {}: {} segments of {}, {} objects, {} % of memory alive, {} passes",
            self.written / self.scale.memory(),
            self.scale.turnovers,
            self.log().segments().len(),
            self.scale.config.segments_max,
            alive.objects,
            alive.bytes * 100 / self.scale.memory(),
            self.passes_begun
        );
    }
}

impl Scale {
    /// All of the log's, with reserves and heads.
    fn memory(&self) -> u64 {
        u64::from(self.config.segments_max) * u64::from(self.config.segment_bytes)
    }
}

/// A new server that takes over.
fn recovered(segments: &[(SegmentId, Bytes)], config: LogConfig) -> Arc<Store> {
    let config = LogConfig { segments_max: config.segments_max * 2, survivor_segments: 0, ..config };
    let log = Log::new(config, Arc::new(Volatile)).unwrap();
    let mut run = Box::pin(log.clone().run());
    let store = Store::new(log, StoreConfig::default());
    let replay = store.replay(everything(), 1);
    for (from, entries) in segments.iter().rev() {
        replay.apply(*from, entries).unwrap();
    }
    let mut commit = Box::pin(replay.commit());
    while poll(&mut commit).is_pending() {
        assert!(poll(&mut run).is_pending());
    }
    store
}

/// So few segments that the reserves are a quarter of them: four fifths of what is left are alive.
fn small(seed: u64) -> Scale {
    let config = LogConfig { segments_max: 64, reserve_segments: 2, ..config() }.cleaned();
    let live = u64::from(config.usable_segments()) * u64::from(config.segment_bytes) * 4 / 5;
    Scale { config, live, turnovers: 20, seed, crashes: 12, value_bytes_max: 8 << 10 }
}

#[test]
fn twenty_turnovers_at_four_fifths_alive() {
    Play::new(small(1)).play();
}

#[test]
#[ignore = "takes minutes in a release build, and 3 GiB: docs/performance.md has the command"]
fn twenty_turnovers_of_larger_logs() {
    for seed in 2..6 {
        Play::new(small(seed)).play();
    }
    // Four fifths of all of the memory.
    let config = LogConfig { segment_bytes: 1 << 20, segments_max: 512, reserve_segments: 8, ..config() };
    let live = u64::from(config.segments_max) * u64::from(config.segment_bytes) * 4 / 5;
    let config = config.cleaned();
    Play::new(Scale { config, live, turnovers: 20, seed: 7, crashes: 4, value_bytes_max: 16 << 10 }).play();
}
