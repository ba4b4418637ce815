//! A lock and the table under it, on cache lines of their own.

use super::{
    BeforeImage, IndexRef,
    bucket::Bucket,
    counts::{Count, Counts},
    image::BeforeImages,
    table::{Shape, SlotAt, Table},
};
use crate::log::{pack, unpack};
use crate::memory::prefetch;
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use rekindle_types::{KeyHash, KeyRange, Position, TableId};
use std::ops::Deref;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

/// Bytes of a cache line.
const LINE: usize = 64;

/// Readers share it and never wait for each other.
#[repr(align(64))]
pub(super) struct Stripe {
    content: RwLock<StripeContent>,
    /// Where the buckets are and how many, for prefetching without the lock. Written under the write lock, read
    /// without, Relaxed: nothing is read through them, and an outdated address costs no more than a miss.
    buckets: AtomicPtr<Bucket>,
    shape: AtomicU32,
}

/// What a stripe's lock guards.
pub struct StripeContent {
    table: Table,
    /// Where the last tombstone of this stripe ends: an absence depends on it (V3).
    removed: u64,
    /// Boxed, since a stripe that is only filled has none.
    images: Option<Box<BeforeImages>>,
    counts: Counts,
}

impl Stripe {
    pub(super) fn new(number: usize) -> Self {
        let table = Table::new(number);
        let (buckets, shape) = table.shape();
        let content = StripeContent { table, removed: 0, images: None, counts: Counts::default() };
        Self {
            content: RwLock::new(content),
            buckets: AtomicPtr::new(buckets.cast_mut()),
            shape: AtomicU32::new(shape.to_bits()),
        }
    }

    #[inline]
    pub(super) fn read(&self) -> StripeRead<'_> {
        StripeRead(self.content.read())
    }

    #[inline]
    pub(super) fn try_read(&self) -> Option<StripeRead<'_>> {
        self.content.try_read().map(StripeRead)
    }

    #[inline]
    pub(super) fn write(&self) -> StripeWrite<'_> {
        StripeWrite { stripe: self, content: self.content.write() }
    }

    #[inline]
    pub(super) fn prefetch(&self, hash: KeyHash) {
        // All of its lines: a write counts in the last.
        for line in 0..size_of::<Self>() / LINE {
            prefetch((&raw const *self).cast::<[u8; LINE]>().wrapping_add(line));
        }
        let home = Shape::from_bits(self.shape.load(Ordering::Relaxed)).place(hash).home;
        prefetch(self.buckets.load(Ordering::Relaxed).wrapping_add(home as usize));
    }
}

const _: () = assert!(size_of::<Stripe>() == 2 * LINE, "a third line costs every put some nanoseconds");

/// A stripe shared with other readers.
pub struct StripeRead<'a>(RwLockReadGuard<'a, StripeContent>);

/// A stripe held alone.
pub struct StripeWrite<'a> {
    stripe: &'a Stripe,
    content: RwLockWriteGuard<'a, StripeContent>,
}

impl Deref for StripeRead<'_> {
    type Target = StripeContent;

    fn deref(&self) -> &StripeContent {
        &self.0
    }
}

impl Deref for StripeWrite<'_> {
    type Target = StripeContent;

    fn deref(&self) -> &StripeContent {
        &self.content
    }
}

impl StripeContent {
    /// References whose tags fit `hash`, with their places: few, and the wanted one is among them.
    #[inline]
    pub fn candidates(&self, hash: KeyHash) -> impl Iterator<Item = (SlotAt, IndexRef)> + '_ {
        self.table.candidates(hash)
    }

    /// All references, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (SlotAt, IndexRef)> + '_ {
        self.table.iter()
    }

    /// Where the last tombstone of this stripe ends: an absence depends on it (V3).
    #[inline]
    #[must_use]
    pub fn removed(&self) -> Position {
        unpack(self.removed)
    }

    /// Images of the hash that are not history at `durable`, the oldest first (V3).
    #[inline]
    pub fn images(
        &self,
        table: TableId,
        hash: KeyHash,
        durable: Position,
    ) -> impl Iterator<Item = &BeforeImage> {
        self.images.iter().flat_map(move |images| images.of(table, hash, durable))
    }

    /// What it has of a table.
    #[must_use]
    pub fn count(&self, table: TableId) -> Count {
        self.counts.of(table)
    }

    /// References held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of its buckets and images.
    #[must_use]
    pub fn allocated_bytes(&self) -> usize {
        self.table.allocated_bytes() + self.images.as_ref().map_or(0, |images| images.allocated_bytes())
    }
}

impl StripeWrite<'_> {
    /// Adds a reference. `hash_of` is asked for the hashes of present ones when the table has outgrown its tags,
    /// once per 256-fold growth.
    #[inline]
    pub fn insert(&mut self, hash: KeyHash, to: IndexRef, hash_of: impl Fn(IndexRef) -> KeyHash) {
        if self.content.table.insert(hash, to, hash_of) {
            let (buckets, shape) = self.content.table.shape();
            self.stripe.buckets.store(buckets.cast_mut(), Ordering::Relaxed);
            self.stripe.shape.store(shape.to_bits(), Ordering::Relaxed);
        }
    }

    /// Points the slot, found under this very hold, elsewhere.
    #[inline]
    pub fn replace(&mut self, at: SlotAt, to: IndexRef) {
        self.content.table.replace(at, to);
    }

    /// Removes the slot, found under this very hold; other slots stay where they are.
    #[inline]
    pub fn remove(&mut self, at: SlotAt) {
        self.content.table.remove(at);
    }

    /// A tombstone that ends at `at` was appended for a key of this stripe.
    #[inline]
    pub fn note_removal(&mut self, at: Position) {
        self.content.removed = self.content.removed.max(pack(at));
    }

    /// Keeps what a key of this stripe was before the change that was just appended, and lets go of what is
    /// history at `durable`.
    #[inline]
    pub fn note_image(&mut self, image: BeforeImage, durable: Position) {
        self.content.images.get_or_insert_default().note(image, durable);
    }

    /// A reference was added to an entry of so many bytes.
    #[inline]
    pub fn count_added(&mut self, table: TableId, bytes: u64) {
        self.content.counts.add(table, bytes);
    }

    /// A reference to an entry of so many bytes was removed.
    #[inline]
    pub fn count_removed(&mut self, table: TableId, bytes: u64) {
        self.content.counts.remove(table, bytes);
    }

    /// A reference was pointed to a larger or smaller object of the key.
    #[inline]
    pub fn count_replaced(&mut self, table: TableId, bytes: u64, by: u64) {
        self.content.counts.replace(table, bytes, by);
    }

    /// The range is nobody's any more: lets go of its images.
    pub fn forget_images(&mut self, table: TableId, range: KeyRange) {
        self.content.images.iter_mut().for_each(|images| images.forget(table, range));
    }
}
