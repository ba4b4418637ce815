//! P5: how fast does a recovery master replay one partition, on one and on two cores, against the bare loop?
//!
//! `cargo bench --bench recovery_replay` (`-- --short` for a quick look). The limit walks the same entries, checks
//! their checksums, copies them and inserts into an array of slots, prefetched 16 ahead, each core for itself;
//! both sides write to memory and into an index that have been touched before.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "measure/mod.rs"]
mod measure;

use measure::{
    BareIndex, Runner, TABLE, Values, alternate, is_short, is_wanted, key, object, seconds, target, touched,
};
use rekindle_log::segment::{Parsed, entries};
use rekindle_log::store::{Store, StoreConfig};
use rekindle_log::{Log, LogConfig, Volatile};
use rekindle_types::{
    KeyRange, LogId, Partition, SegmentId, ServerId, Tablet, TabletState, TabletVersion, key_hash,
};
use std::hint::black_box;
use std::sync::Arc;

const SEGMENT_BYTES: usize = 8 << 20;
const AHEAD: usize = 16;

/// What the backups' filters hand out: entries back to back, by segment.
fn source(objects: usize, value_bytes: usize) -> Vec<Vec<u8>> {
    let values = Values::new();
    let mut segments = vec![Vec::with_capacity(SEGMENT_BYTES)];
    for n in 0..objects {
        let key = key(n);
        let draft = object(&key, values.get(n, value_bytes), n as u64 + 1);
        let len = draft.encoded_len();
        if segments.last().is_none_or(|s| s.len() + len > SEGMENT_BYTES - 4096) {
            segments.push(Vec::with_capacity(SEGMENT_BYTES));
        }
        let segment = segments.last_mut().expect("never empty");
        let at = segment.len();
        segment.resize(at + len, 0);
        draft.encode(&mut segment[at..]);
    }
    segments
}

/// One core's share of the limit.
struct Bare {
    memory: Vec<u8>,
    index: BareIndex,
}

impl Bare {
    fn new(segments: &[Vec<u8>], objects: usize) -> Self {
        Self { memory: touched(segments.len() * SEGMENT_BYTES, 1), index: BareIndex::new(objects) }
    }

    fn run(&mut self, segments: &[Vec<u8>]) {
        let mut to = 0;
        for segment in segments {
            let mut walk = entries(segment);
            loop {
                let mut ahead = [(0, &[][..]); AHEAD];
                let mut count = 0;
                for (slot, entry) in ahead.iter_mut().zip(&mut walk) {
                    let entry = entry.expect("whole");
                    entry.verify().expect("right");
                    let Ok(Parsed::Object(object)) = entry.parse() else { panic!("objects only") };
                    let hash = key_hash(object.table, object.key).0;
                    self.index.prefetch(hash);
                    *slot = (hash, entry.bytes());
                    count += 1;
                }
                if count == 0 {
                    break;
                }
                for (hash, bytes) in &ahead[..count] {
                    self.memory[to..to + bytes.len()].copy_from_slice(bytes);
                    self.index.insert(*hash, to as u64 + 1);
                    to += bytes.len();
                }
            }
        }
        black_box(&self.memory[..to]);
    }
}

fn share(segments: &[Vec<u8>], cores: usize) -> Vec<&[Vec<u8>]> {
    segments.chunks(segments.len().div_ceil(cores)).collect()
}

fn limit(bare: &mut [Bare], segments: &[Vec<u8>]) -> f64 {
    bare.iter_mut().for_each(|b| b.index.clear());
    let shares = share(segments, bare.len());
    seconds(|| {
        std::thread::scope(|scope| {
            for (bare, share) in bare.iter_mut().zip(shares) {
                scope.spawn(|| bare.run(share));
            }
        });
    })
}

struct Ours {
    store: Arc<Store>,
    runner: Runner,
    /// Seconds that the same entries took once more, on one core: duplicates, of which nothing is appended.
    again: f64,
}

impl Ours {
    fn new(segments: usize) -> Self {
        let mut config = LogConfig::new(LogId::of(ServerId(1)));
        config.segments_max = segments as u32 * 2 + 24;
        let log = Log::new(config, Arc::new(Volatile)).expect("a valid configuration");
        let mut runner = Runner::new(&log);
        runner.poll();
        Self { store: Store::new(log, StoreConfig::default()), runner, again: 0.0 }
    }

    fn run(&mut self, segments: &[Vec<u8>], cores: usize, objects: usize) -> f64 {
        let (owner, version, state) = (ServerId(1), TabletVersion(1), TabletState::Recovering);
        let created = SegmentId(0);
        let tablet = Tablet { table: TABLE, range: KeyRange::FULL, owner, version, state, created };
        let replay = self.store.replay(Partition { pieces: vec![tablet] }, cores);
        let spent = seconds(|| {
            std::thread::scope(|scope| {
                for (lane, share) in share(segments, cores).into_iter().enumerate() {
                    let replay = &replay;
                    scope.spawn(move || {
                        for segment in share {
                            replay.apply_in(lane, SegmentId(1), segment).expect("room for all");
                        }
                    });
                }
            });
        });
        assert_eq!(self.store.objects(), objects as u64);
        self.again = seconds(|| {
            for segment in segments {
                replay.apply(SegmentId(1), segment).expect("room for all");
            }
        });
        assert_eq!(self.store.objects(), objects as u64);
        drop(replay);
        self.runner.poll();
        spent
    }
}

fn main() {
    let sizes: [(usize, &[usize]); 2] = match is_short() {
        true => [(100, &[20_000]), (1024, &[20_000])],
        false => [(100, &[200_000, 1_000_000, 4_000_000]), (1024, &[50_000, 250_000, 1_000_000])],
    };
    let rounds = if is_short() { 1 } else { 5 };
    for (value_bytes, objects) in sizes {
        for &objects in objects {
            let segments = source(objects, value_bytes);
            let bytes: usize = segments.iter().map(Vec::len).sum();
            for cores in [1, 2] {
                let name = if value_bytes == 100 { "100B" } else { "1KiB" };
                let what = format!("value={name} objects={}k cores={cores}", objects / 1000);
                if !is_wanted(&what) {
                    continue;
                }
                let shares = share(&segments, cores);
                let mut bare: Vec<Bare> = shares
                    .iter()
                    .map(|s| Bare::new(s, objects / cores + SEGMENT_BYTES / value_bytes))
                    .collect();
                let mut ours = Ours::new(segments.len());
                let medians =
                    alternate(rounds, || limit(&mut bare, &segments), || ours.run(&segments, cores, objects));
                let per_core = |seconds: f64| {
                    let core_seconds = seconds * cores as f64;
                    (core_seconds * 1e9 / objects as f64, bytes as f64 / core_seconds / 1e9)
                };
                let ((limit_ns, limit_gb), (ns, gb)) = (per_core(medians.0), per_core(medians.1));
                println!(
                    "{name} {objects} objects, {cores} core(s), per core: limit {limit_ns:.0} ns {limit_gb:.2} GB/s, ours {ns:.0} ns {gb:.2} GB/s",
                );
                if cores == 1 {
                    let again = ours.again * 1e9 / objects as f64;
                    println!("{name} {objects} objects, the same once more (duplicates): {again:.0} ns");
                }
                target("P5", &what, objects, medians, 0.50);
            }
        }
    }
}
