//! Which layout should the index have? Own cache-line buckets against a sharded `hashbrown::HashTable`, at
//! 10 M keys (or the number given). Figures and choice: docs/decisions/0004-index.md.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use hashbrown::HashTable;
use parking_lot::RwLock;
use rekindle_log::index::{Index, IndexRef};
use rekindle_types::KeyHash;
use std::{hint::black_box, time::Instant};

const AHEAD: usize = 16;

/// What is measured of each contender: references are 1.. and `hashes[ref]` stands for the key in the log.
trait Contender {
    fn insert(&self, hash: u64, to: u64, hashes: &[u64]);
    fn find(&self, hash: u64, to: u64) -> bool;
    fn touch(&self, hash: u64);
    fn bytes(&self) -> usize;
}

impl Contender for Index {
    fn insert(&self, hash: u64, to: u64, hashes: &[u64]) {
        let rehash = |to: IndexRef| KeyHash(hashes[to.bits() as usize]);
        self.write(KeyHash(hash)).insert(KeyHash(hash), IndexRef::new(to), rehash);
    }

    fn find(&self, hash: u64, to: u64) -> bool {
        self.read(KeyHash(hash)).candidates(KeyHash(hash)).any(|(_, found)| found.bits() == to)
    }

    fn touch(&self, hash: u64) {
        self.prefetch(KeyHash(hash));
    }

    fn bytes(&self) -> usize {
        self.allocated_bytes()
    }
}

/// 4,096 tables of 8-byte slots; their growth reads every key. Or of 16-byte slots that hold the hash.
struct Sharded<const WITH_HASH: bool, T>(Vec<Shard<T>>);

#[repr(align(64))]
struct Shard<T>(RwLock<HashTable<T>>);

impl<const WITH_HASH: bool, T> Sharded<WITH_HASH, T> {
    fn new() -> Self {
        Self((0..4096).map(|_| Shard(RwLock::new(HashTable::new()))).collect())
    }

    fn shard(&self, hash: u64) -> &RwLock<HashTable<T>> {
        &self.0[(hash >> 52) as usize].0
    }

    fn slot_bytes(&self) -> usize {
        self.0.iter().map(|s| s.0.read().allocation_size()).sum()
    }
}

fn mixed(hash: u64) -> u64 {
    hash.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Contender for Sharded<false, u64> {
    fn insert(&self, hash: u64, to: u64, hashes: &[u64]) {
        self.shard(hash).write().insert_unique(mixed(hash), to, |to| mixed(hashes[*to as usize]));
    }

    fn find(&self, hash: u64, to: u64) -> bool {
        self.shard(hash).read().find(mixed(hash), |found| *found == to).is_some()
    }

    fn touch(&self, hash: u64) {
        // No address to prefetch without looking: look, and keep nothing.
        black_box(self.shard(hash).read().find(mixed(hash), |_| true));
    }

    fn bytes(&self) -> usize {
        self.slot_bytes()
    }
}

impl Contender for Sharded<true, (u64, u64)> {
    fn insert(&self, hash: u64, to: u64, _: &[u64]) {
        self.shard(hash).write().insert_unique(mixed(hash), (hash, to), |slot| mixed(slot.0));
    }

    fn find(&self, hash: u64, to: u64) -> bool {
        self.shard(hash).read().find(mixed(hash), |found| found.0 == hash && found.1 == to).is_some()
    }

    fn touch(&self, hash: u64) {
        black_box(self.shard(hash).read().find(mixed(hash), |found| found.0 == hash));
    }

    fn bytes(&self) -> usize {
        self.slot_bytes()
    }
}

fn ns_per_key(keys: usize, mut run: impl FnMut(usize)) -> f64 {
    let start = Instant::now();
    (0..keys).for_each(&mut run);
    start.elapsed().as_secs_f64() * 1e9 / keys as f64
}

/// Insert and find, one by one and with the bucket touched `AHEAD` keys before.
fn measure(make: impl Fn() -> Box<dyn Contender>, hashes: &[u64], order: &[(u64, u64)]) -> [f64; 5] {
    let keys = order.len();
    let plain = make();
    let insert = ns_per_key(keys, |i| plain.insert(hashes[i + 1], i as u64 + 1, hashes));
    let bytes = plain.bytes() as f64 / keys as f64;
    let find = ns_per_key(keys, |i| {
        let (hash, to) = order[i];
        assert!(plain.find(hash, to));
    });
    let find_ahead = ns_per_key(keys, |i| {
        let (hash, to) = order[i];
        plain.touch(order[(i + AHEAD) % keys].0);
        assert!(plain.find(hash, to));
    });
    drop(plain);
    let batched = make();
    let insert_ahead = ns_per_key(keys, |i| {
        batched.touch(hashes[(i + AHEAD).min(keys)]);
        batched.insert(hashes[i + 1], i as u64 + 1, hashes);
    });
    [insert, insert_ahead, find, find_ahead, bytes]
}

fn main() {
    let keys: usize = std::env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(10_000_000);
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb)
    };
    let hashes: Vec<u64> = (0..=keys).map(|_| random()).collect();
    let pick = |n: u64| (hashes[n as usize], n);
    let order: Vec<(u64, u64)> = (0..keys).map(|_| pick(random() % keys as u64 + 1)).collect();
    type Make = fn() -> Box<dyn Contender>;
    let contenders: [(&str, Make); 3] = [
        ("hashbrown, 8-byte slots", || Box::new(Sharded::<false, u64>::new())),
        ("hashbrown, 16-byte slots", || Box::new(Sharded::<true, (u64, u64)>::new())),
        ("own buckets", || Box::new(Index::new())),
    ];
    println!(
        "{keys} keys, ns per key, median of 3: insert, insert prefetched, find, find prefetched; bytes per key"
    );
    let mut rounds = vec![Vec::new(); contenders.len()];
    for _ in 0..3 {
        for (i, (_, make)) in contenders.iter().enumerate() {
            rounds[i].push(measure(make, &hashes, &order));
        }
    }
    for ((name, _), rounds) in contenders.iter().zip(rounds) {
        let median = |column: usize| {
            let mut figures: Vec<f64> = rounds.iter().map(|r: &[f64; 5]| r[column]).collect();
            figures.sort_by(f64::total_cmp);
            figures[figures.len() / 2]
        };
        let figures: Vec<String> = (0..5).map(|c| format!("{:6.1}", median(c))).collect();
        println!("{name:>26}: {}", figures.join(" "));
    }
}
