//! What keys were before their latest changes became durable (V3).

use super::IndexRef;
use rekindle_types::{KeyHash, KeyRange, Position, TableId};
use std::collections::VecDeque;

/// A key's object before a change, which may not be durable yet, took its place or removed it. Where nothing was before,
/// there is no image.
#[derive(Clone, Copy, Debug)]
pub struct BeforeImage {
    /// The key's table.
    pub table: TableId,
    /// The key's hash.
    pub hash: KeyHash,
    /// Where the change ends: once the log is durable up to there, the image is history.
    pub end: Position,
    /// The entry that made the change: it has the key.
    pub by: IndexRef,
    /// The object before. Dead, but in memory until its killer is durable (C5).
    pub was: IndexRef,
}

/// Images that an empty queue keeps room for: more come of a key that is written all the time while nothing becomes
/// durable.
const KEPT_MAX: usize = 64;

/// The images of one stripe, by `end`. As many as changes of the stripe were under way when it was last
/// written to, so they are bounded by what the log keeps open (H1).
#[derive(Default)]
pub(super) struct BeforeImages(VecDeque<BeforeImage>);

impl BeforeImages {
    /// Adds an image, which ends later than all others, and lets go of those that are history.
    #[inline]
    pub(super) fn note(&mut self, image: BeforeImage, durable: Position) {
        while self.0.front().is_some_and(|oldest| oldest.end <= durable) {
            self.0.pop_front();
        }
        if self.0.is_empty() && self.0.capacity() > KEPT_MAX {
            self.0 = VecDeque::new();
        }
        debug_assert!(self.0.back().is_none_or(|newest| newest.end < image.end), "in the order of the log");
        self.0.push_back(image);
    }

    /// Images of the hash that are not history, the oldest first.
    #[inline]
    pub(super) fn of(
        &self,
        table: TableId,
        hash: KeyHash,
        durable: Position,
    ) -> impl Iterator<Item = &BeforeImage> {
        let past = self.0.partition_point(|image| image.end <= durable);
        self.0.range(past..).filter(move |image| image.hash == hash && image.table == table)
    }

    /// Lets go of all images of the range.
    pub(super) fn forget(&mut self, table: TableId, range: KeyRange) {
        self.0.retain(|image| image.table != table || !range.contains(image.hash));
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        self.0.capacity() * size_of::<BeforeImage>()
    }
}
