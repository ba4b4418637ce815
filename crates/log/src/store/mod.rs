//! Objects over a log: get, put, delete, conditions, batches, scans by hash range, replay.
//!
//! Calls work on memory and return at once. What they say may depend on entries that are not durable yet: so
//! every result is an [`Answer`], which names the position that must be durable before it may go out (V3).
//!
//! Lock order: lane of a side log, stripe, then the log's head or the ranges' lives. No lock is held over a wait.

mod answer;
mod config;
mod durable;
mod lives;
mod lookup;
mod object;
mod purge;
mod read;
mod relocate;
mod replay;
mod scan;
mod stats;
mod tombstones;
mod write;

pub use answer::Answer;
pub use config::StoreConfig;
pub use object::{Object, StoreError, WriteOutcome};
pub use rekindle_types::Condition;
pub(crate) use relocate::{Candidate, Rest};
pub use replay::{Applied, Replay, ReplayError, Replayed};
pub use scan::{ScanPage, ScannedObject};
pub use write::Write;

use crate::index::Index;
use crate::segment::LogTime;
use crate::{EntryRef, Log};
use lives::Lives;
use rekindle_types::KeyHash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Keys or entries whose cache misses are overlapped in a batch.
pub(crate) const BATCH: usize = 16;

/// Objects over a log, in memory. The example of the [crate] shows its calls.
pub struct Store {
    log: Arc<Log>,
    index: Index,
    config: StoreConfig,
    lives: Lives,
    /// Seconds, written into entries. Set by the assembly, read by writers; a late value does no harm.
    now: AtomicU32,
    /// Whether the last batch of writes met keys that were there: a hint for the next one, Relaxed.
    overwrites: AtomicBool,
}

impl Store {
    /// An empty store over a log that holds no objects yet.
    #[must_use]
    pub fn new(log: Arc<Log>, config: StoreConfig) -> Arc<Self> {
        Arc::new(Self {
            log,
            index: Index::new(),
            config,
            lives: Lives::default(),
            now: AtomicU32::new(0),
            overwrites: AtomicBool::new(false),
        })
    }

    /// The log below.
    #[must_use]
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Tells the time that entries are stamped with from now on.
    pub fn set_time(&self, now: LogTime) {
        self.now.store(now.0, Ordering::Relaxed);
    }

    /// Objects in the index, of all tables.
    #[must_use]
    pub fn objects(&self) -> u64 {
        self.index.len() as u64
    }

    /// Bytes of the index.
    #[must_use]
    pub fn index_bytes(&self) -> usize {
        self.index.allocated_bytes()
    }

    #[inline]
    pub(crate) fn now(&self) -> LogTime {
        LogTime(self.now.load(Ordering::Relaxed))
    }

    /// Runs `each` on every item, in order, with the misses of the following ones already under way. `each` says
    /// whether the key was there: when no key of a batch was, the log is not touched ahead for the next one.
    /// `was_there` says so for the first batch, the result for the last.
    #[inline]
    fn batched<T>(
        &self,
        items: &[T],
        mut was_there: bool,
        hash: impl Fn(&T) -> KeyHash,
        mut each: impl FnMut(&T, KeyHash) -> bool,
    ) -> bool {
        let fetched = |batch: &[T]| {
            let mut hashes = [KeyHash(0); BATCH];
            for (slot, item) in hashes.iter_mut().zip(batch) {
                *slot = hash(item);
                self.index.prefetch(*slot);
            }
            hashes
        };
        let mut batches = items.chunks(BATCH);
        let mut next = batches.next().map(|batch| (batch, fetched(batch)));
        while let Some((batch, hashes)) = next {
            next = batches.next().map(|batch| (batch, fetched(batch)));
            if was_there {
                hashes[..batch.len()].iter().for_each(|hash| self.prefetch_entries(*hash));
            }
            was_there = batch.iter().zip(hashes).fold(false, |any, (item, hash)| each(item, hash) | any);
        }
        was_there
    }

    #[inline]
    fn prefetch_entries(&self, hash: KeyHash) {
        self.index.prefetch_entries(hash, |to| self.log.prefetch(EntryRef::from_bits(to.bits())));
    }
}
