//! The slots of one stripe: cache-line buckets with overflow, doubled as they fill.
//!
//! A hash, mixed, times `base` (4 to 7, by stripe) is a bucket of the smallest table and a fraction of 64 bits.
//! After k doublings the fraction's first k bits choose among the 2^k buckets that came of it. The tag is 16
//! bits of the fraction, so a doubling needs no keys: the next bit is in the tag. When 8 of the 16 are used up,
//! all tags are made anew from the keys. Different bases make the stripes double at different times: memory
//! grows smoothly, and with it the number of entries that a doubling holds up stays one stripe's.

use super::{
    IndexRef,
    bucket::{Bucket, Content, SLOTS, Slot},
};
use rekindle_types::KeyHash;

/// Entries per two buckets at which the table doubles: higher is denser, but overflows cost a second cache miss.
const FILL_MAX: usize = 13;
/// Tag bits that may be used up by doublings before the tags are made anew.
const TAG_BITS_USED_MAX: u32 = 8;

pub(super) struct Table {
    /// `base << doublings`, or none yet.
    buckets: Vec<Bucket>,
    /// Buckets behind full ones; linked through last slots.
    overflow: Vec<Bucket>,
    len: u32,
    shape: Shape,
}

/// What a hash's place depends on.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    base: u8,
    doublings: u8,
    /// How many of the fraction's first bits are not in the tags.
    tag_from: u8,
}

/// Place of a slot; valid until the table changes by more than a removal or a replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotAt {
    bucket: BucketAt,
    slot: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BucketAt {
    Main(u32),
    Overflow(u32),
}

/// Entries of one chain whose tag fits.
pub(super) struct Candidates<'a> {
    table: &'a Table,
    at: BucketAt,
    bucket: &'a Bucket,
    tag: u16,
    /// Slots of the bucket still to be looked at, a bit each.
    matches: u8,
}

impl Iterator for Candidates<'_> {
    type Item = (SlotAt, IndexRef);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            while self.matches != 0 {
                let slot = self.matches.trailing_zeros() as u8;
                self.matches &= self.matches - 1;
                if let Content::Entry { to, .. } = self.bucket.0[slot as usize & (SLOTS - 1)].content() {
                    return Some((SlotAt { bucket: self.at, slot }, to));
                }
            }
            self.at = BucketAt::Overflow(self.bucket.next()?);
            self.bucket = self.table.bucket(self.at)?;
            self.matches = self.bucket.matches(self.tag);
        }
    }
}

/// A hash as this table sees it.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) home: u32,
    tag: u16,
}

impl Table {
    pub(super) fn new(stripe: usize) -> Self {
        Self {
            buckets: Vec::new(),
            overflow: Vec::new(),
            len: 0,
            shape: Shape { base: 4 + (stripe % 4) as u8, doublings: 0, tag_from: 0 },
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        (self.buckets.capacity() + self.overflow.capacity()) * size_of::<Bucket>()
    }

    /// Where its buckets are, and which one a hash belongs to.
    pub(super) fn shape(&self) -> (*const Bucket, Shape) {
        (self.buckets.as_ptr(), self.shape)
    }

    #[inline]
    pub(super) fn candidates(&self, hash: KeyHash) -> Candidates<'_> {
        let Place { home, tag } = self.shape.place(hash);
        let bucket = self.buckets.get(home as usize).unwrap_or(&Bucket::EMPTY);
        Candidates { table: self, at: BucketAt::Main(home), bucket, tag, matches: bucket.matches(tag) }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (SlotAt, IndexRef)> + '_ {
        (0..self.buckets.len() as u32)
            .flat_map(|home| self.chain(BucketAt::Main(home)))
            .map(|(at, _, to)| (at, to))
    }

    pub(super) fn replace(&mut self, at: SlotAt, to: IndexRef) {
        let slot = self.slot_mut(at);
        *slot = Slot::entry(slot.tag(), to);
    }

    pub(super) fn remove(&mut self, at: SlotAt) {
        // A bucket whose overflow has run empty keeps it until the next doubling: places stay valid.
        *self.slot_mut(at) = Slot::EMPTY;
        self.len -= 1;
    }

    /// Adds a slot; true when the table has grown.
    #[inline]
    pub(super) fn insert(
        &mut self,
        hash: KeyHash,
        to: IndexRef,
        hash_of: impl Fn(IndexRef) -> KeyHash,
    ) -> bool {
        let grows = 2 * self.len as usize >= self.buckets.len() * FILL_MAX;
        if grows {
            self.grow(hash_of);
        }
        let Place { home, tag } = self.shape.place(hash);
        self.put(home, Slot::entry(tag, to));
        self.len += 1;
        grows
    }

    #[inline]
    fn bucket(&self, at: BucketAt) -> Option<&Bucket> {
        match at {
            BucketAt::Main(i) => self.buckets.get(i as usize),
            BucketAt::Overflow(i) => self.overflow.get(i as usize),
        }
    }

    #[inline]
    fn slot_mut(&mut self, at: SlotAt) -> &mut Slot {
        match at.bucket {
            BucketAt::Main(i) => &mut self.buckets[i as usize].0[at.slot as usize],
            BucketAt::Overflow(i) => &mut self.overflow[i as usize].0[at.slot as usize],
        }
    }

    /// The entries of a bucket and of those behind it.
    #[inline]
    fn chain(&self, first: BucketAt) -> impl Iterator<Item = (SlotAt, u16, IndexRef)> + '_ {
        let mut at = first;
        let mut bucket = self.bucket(first);
        let mut slot = 0;
        std::iter::from_fn(move || {
            loop {
                if slot == SLOTS {
                    at = BucketAt::Overflow(bucket?.next()?);
                    bucket = self.bucket(at);
                    slot = 0;
                }
                let content = bucket?.0[slot].content();
                slot += 1;
                if let Content::Entry { tag, to } = content {
                    return Some((SlotAt { bucket: at, slot: slot as u8 - 1 }, tag, to));
                }
            }
        })
    }

    /// Puts the slot in the first free place of its chain.
    fn put(&mut self, home: u32, slot: Slot) {
        let mut at = BucketAt::Main(home);
        loop {
            let bucket = match at {
                BucketAt::Main(i) => &mut self.buckets[i as usize],
                BucketAt::Overflow(i) => &mut self.overflow[i as usize],
            };
            if let Some(free) = bucket.first_empty() {
                *free = slot;
                return;
            }
            if let Some(next) = bucket.next() {
                at = BucketAt::Overflow(next);
                continue;
            }
            let moved = bucket.0[SLOTS - 1];
            let further = self.overflow.len() as u32;
            let mut content = Bucket::EMPTY;
            (content.0[0], content.0[1]) = (moved, slot);
            if self.overflow.len() == self.overflow.capacity() {
                self.overflow.reserve_exact(self.overflow.len() / 4 + 1);
            }
            self.overflow.push(content);
            *self.slot_mut(SlotAt { bucket: at, slot: SLOTS as u8 - 1 }) = Slot::link(further);
            return;
        }
    }

    fn grow(&mut self, hash_of: impl Fn(IndexRef) -> KeyHash) {
        if self.buckets.is_empty() {
            self.buckets = vec![Bucket::EMPTY; self.shape.base as usize];
            return;
        }
        let mut doubled = Self {
            buckets: vec![Bucket::EMPTY; self.buckets.len() * 2],
            overflow: Vec::new(),
            len: self.len,
            shape: Shape { doublings: self.shape.doublings + 1, ..self.shape },
        };
        let bits_used = u32::from(doubled.shape.doublings - doubled.shape.tag_from);
        if bits_used > TAG_BITS_USED_MAX {
            doubled.shape.tag_from = self.shape.doublings;
            for (_, to) in self.iter() {
                let Place { home, tag } = doubled.shape.place(hash_of(to));
                doubled.put(home, Slot::entry(tag, to));
            }
        } else {
            for home in 0..self.buckets.len() as u32 {
                for (_, tag, to) in self.chain(BucketAt::Main(home)) {
                    let upper = u32::from(tag >> (16 - bits_used) & 1);
                    doubled.put(home << 1 | upper, Slot::entry(tag, to));
                }
            }
        }
        *self = doubled;
    }
}

impl Shape {
    /// In one word.
    pub(super) fn to_bits(self) -> u32 {
        u32::from_le_bytes([self.base, self.doublings, self.tag_from, 0])
    }

    #[inline]
    pub(super) fn from_bits(bits: u32) -> Self {
        let [base, doublings, tag_from, _] = bits.to_le_bytes();
        Self { base, doublings, tag_from }
    }

    /// Bucket and tag of `hash` in a table of `base << doublings` buckets.
    #[inline]
    pub(super) fn place(self, hash: KeyHash) -> Place {
        // All hashes of a stripe, and all of a narrow tablet, share their first bits: the product does not.
        const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
        let scaled = u128::from(hash.0.wrapping_mul(MIX)) * u128::from(self.base);
        let (whole, fraction) = ((scaled >> 64) as u64, scaled as u64);
        // Two shifts, since one by 64 is none: there may be no doublings.
        let home = whole << self.doublings | fraction >> 1 >> (63 - self.doublings);
        Place { home: home as u32, tag: (fraction << self.tag_from >> 48) as u16 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn hash_of(n: u64) -> KeyHash {
        // Narrow: all in the lowest 2^-20 of the hash space.
        KeyHash(n.wrapping_mul(0xd6e8_feb8_6659_fd93) >> 20)
    }

    fn find(table: &Table, n: u64) -> Option<SlotAt> {
        table.candidates(hash_of(n)).find(|(_, to)| to.bits() == n).map(|(at, _)| at)
    }

    #[test]
    fn finds_all_through_every_doubling_and_removal() {
        let rehash = |to: IndexRef| hash_of(to.bits());
        for stripe in 0..4 {
            let mut table = Table::new(stripe);
            let count = 40_000; // 13 doublings: the tags are made anew once.
            for n in 1..=count {
                table.insert(hash_of(n), IndexRef::new(n), rehash);
                assert!(find(&table, n).is_some());
            }
            assert!((1..=count).all(|n| find(&table, n).is_some()));
            let all: BTreeMap<u64, ()> = table.iter().map(|(_, to)| (to.bits(), ())).collect();
            assert_eq!((all.len(), table.iter().count(), table.len()), (40_000, 40_000, 40_000));
            for n in (1..=count).step_by(2) {
                table.remove(find(&table, n).expect("inserted"));
            }
            assert!((1..=count).all(|n| find(&table, n).is_some() == (n % 2 == 0)));
            assert_eq!(table.len(), 20_000);
        }
    }

    #[test]
    fn costs_at_most_sixteen_bytes_once_it_has_grown() {
        for count in [1_000_u64, 3_000, 10_000] {
            let tables = (0..4).map(|stripe| {
                let mut table = Table::new(stripe);
                for n in 1..=count {
                    table.insert(hash_of(n), IndexRef::new(n), |to| hash_of(to.bits()));
                }
                table.allocated_bytes()
            });
            let bytes_per_entry = tables.sum::<usize>() as f64 / (4 * count) as f64;
            assert!(bytes_per_entry < 17.0, "{bytes_per_entry} at {count}");
        }
    }

    #[test]
    fn few_candidates_are_strangers() {
        let mut table = Table::new(1);
        for n in 1..=10_000 {
            table.insert(hash_of(n), IndexRef::new(n), |to| hash_of(to.bits()));
        }
        let strangers: usize = (20_000..30_000).map(|n| table.candidates(hash_of(n)).count()).sum();
        assert!(strangers < 1_500, "{strangers} in 10,000 lookups");
    }
}
