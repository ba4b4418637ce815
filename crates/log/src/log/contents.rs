//! What a cleaner wants to know of a segment without walking it.

use crate::segment::{Entry, EntryDraft, LogTime, Parsed};
use rekindle_types::SegmentId;
use std::collections::BTreeMap;

/// Kept while a segment is filled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    /// When the youngest entry was written.
    pub(super) youngest: LogTime,
    /// Bytes of tombstones, by the segment that they name: dead once that has left the log (C3).
    pub(super) named: BTreeMap<SegmentId, u64>,
}

impl Contents {
    /// An entry of so many bytes was appended.
    #[inline]
    pub(super) fn note(&mut self, entry: &EntryDraft<'_>, bytes: usize) {
        match entry {
            EntryDraft::Object(object) => self.youngest = self.youngest.max(object.timestamp),
            EntryDraft::Tombstone(tombstone) => {
                self.youngest = self.youngest.max(tombstone.timestamp);
                self.note_tombstone(tombstone.replaces, bytes);
            }
        }
    }

    /// The same of an entry that was copied as it is.
    #[inline]
    pub(super) fn note_copy(&mut self, entry: &Entry<'_>) {
        match entry.parse() {
            Ok(Parsed::Object(object)) => self.youngest = self.youngest.max(object.timestamp),
            Ok(Parsed::Tombstone(tombstone)) => {
                self.youngest = self.youngest.max(tombstone.timestamp);
                self.note_tombstone(tombstone.replaces, entry.bytes().len());
            }
            _ => {}
        }
    }

    fn note_tombstone(&mut self, names: SegmentId, bytes: usize) {
        *self.named.entry(names).or_default() += bytes as u64;
    }
}
