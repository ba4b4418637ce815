//! Tombstones that a replay holds in memory.

use hashbrown::HashTable;
use parking_lot::Mutex;
use rekindle_types::{KeyHash, TableId, Version};
use std::sync::atomic::{AtomicUsize, Ordering};

const SHARDS: usize = 64;

/// The newest tombstone of every key that had one, to the end of the replay (C4): objects that come later, and
/// were never appended, are covered by it.
pub(super) struct Tombstones {
    shards: Box<[Mutex<HashTable<Tombstone>>]>,
    /// Written under a shard's lock, read without: whoever asks for a key holds the key's stripe, under which
    /// that key's tombstone was added, so it sees at least that one.
    count: AtomicUsize,
}

struct Tombstone {
    hash: KeyHash,
    table: TableId,
    key: Box<[u8]>,
    version: Version,
}

impl Tombstones {
    pub(super) fn new() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new(HashTable::new())).collect();
        Self { shards, count: AtomicUsize::new(0) }
    }

    /// Holds a tombstone, unless a newer one of the key is held.
    pub(super) fn hold(&self, hash: KeyHash, table: TableId, key: &[u8], version: Version) {
        let mut shard = self.shard(hash).lock();
        if let Some(held) = shard.find_mut(mixed(hash), |t| t.is_of(hash, table, key)) {
            held.version = held.version.max(version);
            return;
        }
        shard.insert_unique(mixed(hash), Tombstone { hash, table, key: key.into(), version }, |t| {
            mixed(t.hash)
        });
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a tombstone that is held kills this version.
    #[inline]
    pub(super) fn cover(&self, hash: KeyHash, table: TableId, key: &[u8], version: Version) -> bool {
        if self.count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let shard = self.shard(hash).lock();
        shard.find(mixed(hash), |t| t.is_of(hash, table, key)).is_some_and(|t| t.version >= version)
    }

    #[inline]
    fn shard(&self, hash: KeyHash) -> &Mutex<HashTable<Tombstone>> {
        &self.shards[mixed(hash) as usize >> 16 & (SHARDS - 1)]
    }
}

impl Tombstone {
    #[inline]
    fn is_of(&self, hash: KeyHash, table: TableId, key: &[u8]) -> bool {
        self.hash == hash && self.table == table && *self.key == *key
    }
}

/// Hashes of a partition share their first bits.
#[inline]
fn mixed(hash: KeyHash) -> u64 {
    hash.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
