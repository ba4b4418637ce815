//! An entry in memory, pinned.

use crate::memory::{FrameRead, Frames};
use crate::segment::{Corrupt, Entry, Parsed};
use bytes::Bytes;
use rekindle_types::{Position, SegmentId};
use std::sync::Arc;

use super::EntryRef;

/// Marks the segments of cleaners in the frames' words: what is in them is durable elsewhere.
const SURVIVOR: u64 = 1 << 63;

/// What a survivor's frame keeps as its segment.
pub(super) fn survivor_word(segment: SegmentId) -> u64 {
    segment.0 | SURVIVOR
}

/// An entry in memory. Holds its segment's memory until dropped (LOG-4): keep it short, or copy.
pub struct EntryView<'a> {
    read: FrameRead<'a>,
    at: EntryRef,
}

impl<'a> EntryView<'a> {
    #[inline]
    pub(super) fn new(frames: &'a Arc<Frames>, at: EntryRef) -> Option<Self> {
        let read = frames.read(at.slot())?;
        let view = Self { read, at };
        Entry::decode(view.read.get(at.offset() as usize..)?, at.offset()).ok()?;
        Some(view)
    }

    /// The entry.
    #[inline]
    #[must_use]
    pub fn entry(&self) -> Entry<'_> {
        let offset = self.at.offset();
        Entry::decode(&self.read[offset as usize..], offset).expect("looked at when the view was made")
    }

    /// What it says.
    #[inline]
    pub fn parse(&self) -> Result<Parsed<'_>, Corrupt> {
        self.entry().parse()
    }

    /// The segment that it lies in.
    #[inline]
    #[must_use]
    pub fn segment(&self) -> SegmentId {
        SegmentId(self.read.segment() & !SURVIVOR)
    }

    /// Where it ends: it is durable once the log is durable up to there. Holds for entries of side logs too,
    /// once those are committed, since ids of heads and side segments come from one counter.
    ///
    /// V3: an entry that a cleaner moved is durable as its source was: at once.
    #[inline]
    #[must_use]
    pub fn end(&self) -> Position {
        if self.read.segment() & SURVIVOR != 0 {
            return Position::default();
        }
        let len = self.entry().bytes().len() as u32;
        Position { segment: self.segment(), offset: self.at.offset() + len }
    }

    /// A part of the entry, without copying: `part` must come from [`EntryView::entry`] or
    /// [`EntryView::parse`]. Holds all of the segment's memory, so copy what is short.
    ///
    /// # Panics
    /// When `part` lies elsewhere.
    #[must_use]
    pub fn to_bytes(&self, part: &[u8]) -> Bytes {
        if part.is_empty() {
            return Bytes::new();
        }
        let start = (part.as_ptr() as usize).wrapping_sub(self.read.as_ptr() as usize);
        assert!(start < self.read.len() && part.len() <= self.read.len() - start, "a part of this entry");
        Bytes::from_owner(self.read.pin(start..start + part.len()))
    }
}
