//! A lock and the table under it, on cache lines of their own.

use super::{
    IndexRef,
    table::{SlotAt, Table},
};
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use rekindle_types::{KeyHash, Position};
use std::ops::Deref;

/// Readers share it and never wait for each other.
#[repr(align(64))]
pub(super) struct Stripe(RwLock<StripeContent>);

/// What a stripe's lock guards.
pub struct StripeContent {
    table: Table,
    /// Where the last tombstone of this stripe ends: an absence depends on it (V3).
    removed: Position,
}

impl Stripe {
    pub(super) fn new(number: usize) -> Self {
        Self(RwLock::new(StripeContent { table: Table::new(number), removed: Position::default() }))
    }

    #[inline]
    pub(super) fn read(&self) -> StripeRead<'_> {
        StripeRead(self.0.read())
    }

    #[inline]
    pub(super) fn try_read(&self) -> Option<StripeRead<'_>> {
        self.0.try_read().map(StripeRead)
    }

    #[inline]
    pub(super) fn write(&self) -> StripeWrite<'_> {
        StripeWrite(self.0.write())
    }

    #[inline]
    pub(super) fn prefetch(&self, hash: KeyHash) {
        if let Some(content) = self.0.try_read() {
            content.table.prefetch(hash);
        }
    }
}

/// A stripe shared with other readers.
pub struct StripeRead<'a>(RwLockReadGuard<'a, StripeContent>);

/// A stripe held alone.
pub struct StripeWrite<'a>(RwLockWriteGuard<'a, StripeContent>);

impl Deref for StripeRead<'_> {
    type Target = StripeContent;

    fn deref(&self) -> &StripeContent {
        &self.0
    }
}

impl Deref for StripeWrite<'_> {
    type Target = StripeContent;

    fn deref(&self) -> &StripeContent {
        &self.0
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
        self.removed
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

    /// Bytes of its buckets.
    #[must_use]
    pub fn allocated_bytes(&self) -> usize {
        self.table.allocated_bytes()
    }
}

impl StripeWrite<'_> {
    /// Adds a reference. `hash_of` is asked for the hashes of present ones when the table has outgrown its tags,
    /// once per 256-fold growth.
    #[inline]
    pub fn insert(&mut self, hash: KeyHash, to: IndexRef, hash_of: impl Fn(IndexRef) -> KeyHash) {
        self.0.table.insert(hash, to, hash_of);
    }

    /// Points the slot, found under this very hold, elsewhere.
    #[inline]
    pub fn replace(&mut self, at: SlotAt, to: IndexRef) {
        self.0.table.replace(at, to);
    }

    /// Removes the slot, found under this very hold; other slots stay where they are.
    #[inline]
    pub fn remove(&mut self, at: SlotAt) {
        self.0.table.remove(at);
    }

    /// A tombstone that ends at `at` was appended for a key of this stripe.
    #[inline]
    pub fn note_removal(&mut self, at: Position) {
        self.0.removed = self.0.removed.max(at);
    }
}
