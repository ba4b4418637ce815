//! Keys become 64-bit hashes; tablets are ranges of them.

use crate::TableId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Hash of a key within its table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyHash(pub u64);

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#018x}", self.0)
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// xxh3 (64 bits) of the key, seeded with the table's id. Persisted through tablet ranges: frozen.
#[inline]
#[must_use]
pub fn key_hash(table: TableId, key: &[u8]) -> KeyHash {
    KeyHash(xxhash_rust::xxh3::xxh3_64_with_seed(key, table.0))
}

/// A contiguous range of key hashes, both ends inclusive, never empty, received ones neither.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "(KeyHash, KeyHash)", into = "(KeyHash, KeyHash)")]
pub struct KeyRange {
    first: KeyHash,
    last: KeyHash,
}

impl KeyRange {
    /// Every key hash.
    pub const FULL: Self = Self { first: KeyHash(0), last: KeyHash(u64::MAX) };

    /// The range from `first` to `last`, both in it; `None` when that is empty.
    #[must_use]
    pub fn new(first: KeyHash, last: KeyHash) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// Lowest hash in it.
    #[inline]
    #[must_use]
    pub fn first(self) -> KeyHash {
        self.first
    }

    /// Highest hash in it.
    #[inline]
    #[must_use]
    pub fn last(self) -> KeyHash {
        self.last
    }

    /// Whether `hash` is in it.
    #[inline]
    #[must_use]
    pub fn contains(self, hash: KeyHash) -> bool {
        self.first <= hash && hash <= self.last
    }

    /// Whether all of `other` is in it.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    /// What both have in common.
    #[must_use]
    pub fn intersection(self, other: Self) -> Option<Self> {
        Self::new(self.first.max(other.first), self.last.min(other.last))
    }

    /// What is left of it without `other`: none, one or two ranges, in order.
    #[must_use]
    pub fn without(self, other: Self) -> Vec<Self> {
        let Some(common) = self.intersection(other) else { return vec![self] };
        let below = common.first.0.checked_sub(1).and_then(|last| Self::new(self.first, KeyHash(last)));
        let above = common.last.0.checked_add(1).and_then(|first| Self::new(KeyHash(first), self.last));
        below.into_iter().chain(above).collect()
    }

    /// Cuts it into `pieces` ranges whose sizes differ by one hash at most; fewer when it has fewer hashes.
    #[must_use]
    pub fn split_even(self, pieces: u32) -> Vec<Self> {
        let hashes = u128::from(self.last.0 - self.first.0) + 1;
        let pieces = u128::from(pieces.max(1)).min(hashes);
        let cut = |i: u128| self.first.0 as u128 + hashes * i / pieces;
        (0..pieces)
            .map(|i| Self { first: KeyHash(cut(i) as u64), last: KeyHash((cut(i + 1) - 1) as u64) })
            .collect()
    }
}

impl TryFrom<(KeyHash, KeyHash)> for KeyRange {
    type Error = &'static str;

    fn try_from((first, last): (KeyHash, KeyHash)) -> Result<Self, Self::Error> {
        Self::new(first, last).ok_or("an empty key range")
    }
}

impl From<KeyRange> for (KeyHash, KeyHash) {
    fn from(range: KeyRange) -> Self {
        (range.first, range.last)
    }
}

impl fmt::Debug for KeyRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{:016x}, {:016x}]", self.first.0, self.last.0)
    }
}

impl fmt::Display for KeyRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
