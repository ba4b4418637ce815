//! P1: how fast does one thread append objects, against the bare loop that writes the same bytes?
//!
//! `cargo bench --bench log_append` (`-- --short` for a quick look). The limit encodes header and body, computes
//! the checksum, copies into memory and inserts into an array of slots, prefetched 8 ahead; both sides write to
//! memory and into an index that have been touched before.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "measure/mod.rs"]
mod measure;

use measure::{
    BareIndex, Runner, TABLE, Values, alternate, is_short, is_wanted, key, object, seconds, target, touched,
};
use rekindle_log::store::{Condition, Store, StoreConfig, Write};
use rekindle_log::{Log, LogConfig, Volatile};
use rekindle_types::{KeyRange, LogId, ServerId, key_hash};
use std::hint::black_box;
use std::sync::Arc;

const SEGMENT_BYTES: usize = 8 << 20;
const AHEAD: usize = 8;
/// Writes in one call of `multi_put`.
const CALL: usize = 64;

struct Bare {
    memory: Vec<u8>,
    index: BareIndex,
}

impl Bare {
    fn new(keys: usize, entry_bytes: usize) -> Self {
        let segments = (keys * entry_bytes).div_ceil(SEGMENT_BYTES - entry_bytes) + 1;
        Self { memory: touched(segments * SEGMENT_BYTES, 1), index: BareIndex::new(keys) }
    }

    fn run(&mut self, keys: usize, values: &Values, value_bytes: usize) -> f64 {
        self.index.clear();
        let hash_of = |n: usize| key_hash(TABLE, &key(n)).0;
        let mut hashes = [0; AHEAD];
        for (n, hash) in hashes.iter_mut().enumerate() {
            *hash = hash_of(n);
        }
        seconds(|| {
            let mut at = 0;
            for n in 0..keys {
                let hash = std::mem::replace(&mut hashes[n % AHEAD], hash_of(n + AHEAD));
                self.index.prefetch(hashes[n % AHEAD]);
                let key = key(n);
                let draft = object(&key, values.get(n, value_bytes), n as u64 + 1);
                let len = draft.encoded_len();
                if at % SEGMENT_BYTES + len > SEGMENT_BYTES {
                    at = at.next_multiple_of(SEGMENT_BYTES);
                }
                draft.encode(&mut self.memory[at..at + len]);
                self.index.insert(hash, at as u64 + 1);
                at += len;
            }
            black_box(&self.memory[..at]);
        })
    }
}

struct Ours {
    store: Arc<Store>,
    runner: Runner,
}

impl Ours {
    fn new(keys: usize, entry_bytes: usize) -> Self {
        let mut config = LogConfig::new(LogId::of(ServerId(1)));
        config.segments_max = (keys * entry_bytes / (SEGMENT_BYTES - (256 << 10))) as u32 + 24;
        let log = Log::new(config, Arc::new(Volatile)).expect("a valid configuration");
        let mut runner = Runner::new(&log);
        runner.poll();
        Self { store: Store::new(log, StoreConfig::default()), runner }
    }

    /// Gives all memory back to the log, still mapped.
    fn empty(&mut self) {
        self.store.purge(TABLE, KeyRange::FULL);
        let log = self.store.log();
        self.runner.poll();
        log.segments().into_iter().for_each(|id| {
            log.free(id);
        });
        rekindle_log::SegmentSource::roll(&**log, log.end().segment);
        self.runner.poll();
    }

    fn singly(&mut self, keys: usize, values: &Values, value_bytes: usize) -> f64 {
        self.empty();
        seconds(|| {
            for n in 0..keys {
                let value = values.get(n, value_bytes);
                let put = self.store.put(TABLE, &key(n), value, Condition::Always);
                black_box(put.expect("room for all").after());
                if n % 4096 == 0 {
                    self.runner.poll();
                }
            }
        })
    }

    fn in_batches(&mut self, keys: usize, values: &Values, value_bytes: usize) -> f64 {
        self.empty();
        seconds(|| {
            for first in (0..keys).step_by(CALL) {
                let mut own = [[0; measure::KEY_BYTES]; CALL];
                for (n, own) in own.iter_mut().enumerate() {
                    *own = key(first + n);
                }
                let mut writes =
                    [Write { table: TABLE, key: &[], value: &[], condition: Condition::Always }; CALL];
                for (n, write) in writes.iter_mut().enumerate() {
                    (write.key, write.value) = (&own[n], values.get(first + n, value_bytes));
                }
                for put in self.store.multi_put(&writes[..CALL.min(keys - first)]) {
                    black_box(put.expect("room for all").after());
                }
                if first % 4096 == 0 {
                    self.runner.poll();
                }
            }
        })
    }
}

fn main() {
    let sizes: [(usize, &[usize]); 2] = match is_short() {
        true => [(100, &[10_000, 100_000]), (1024, &[10_000, 50_000])],
        false => [(100, &[100_000, 1_000_000, 10_000_000]), (1024, &[100_000, 1_000_000, 3_000_000])],
    };
    let rounds = if is_short() { 1 } else { 5 };
    let values = Values::new();
    for (value_bytes, keys) in sizes {
        for &keys in keys {
            let name = if value_bytes == 100 { "100B" } else { "1KiB" };
            let what = format!("value={name} keys={}", thousands(keys));
            if !is_wanted(&what) {
                continue;
            }
            let entry_bytes = object(&key(0), values.get(0, value_bytes), 1).encoded_len();
            let mut bare = Bare::new(keys, entry_bytes);
            let mut ours = Ours::new(keys, entry_bytes);
            let singly = ours.singly(keys, &values, value_bytes);
            let medians = alternate(
                rounds,
                || bare.run(keys, &values, value_bytes),
                || ours.in_batches(keys, &values, value_bytes),
            );
            let ns = |seconds: f64| seconds * 1e9 / keys as f64;
            println!(
                "{name} {keys} keys, ns per object: limit {:.0}, batches of {CALL} {:.0}, one by one {:.0} (memory and index fresh)",
                ns(medians.0),
                ns(medians.1),
                ns(singly),
            );
            target("P1", &what, keys, medians, 0.50);
        }
    }
}

fn thousands(keys: usize) -> String {
    if keys >= 1_000_000 { format!("{}M", keys / 1_000_000) } else { format!("{}k", keys / 1_000) }
}
