//! The end of a segment that is being filled.

use super::EntryRef;
use super::contents::Contents;
use crate::Certificate;
use crate::crc::{crc32c, crc32c_append};
use crate::memory::{FrameEnd, FrameWriter, Slot};
use crate::segment::{Entry, EntryDraft, EntryHeader, SegmentHeader};
use rekindle_types::{Position, SegmentId};

/// Most entries in one append.
pub(super) const ENTRIES_MAX: usize = 4;

/// Fills one segment.
pub(super) struct Tail {
    pub(super) id: SegmentId,
    writer: FrameWriter,
    headers_crc: u32,
    pub(super) contents: Contents,
}

/// Where the entries of one append went.
#[derive(Clone, Copy)]
pub(super) struct Placed {
    pub(super) refs: [EntryRef; ENTRIES_MAX],
    pub(super) end: Position,
}

impl Tail {
    /// Starts a segment: its header and, for a head, the log's own entries, published at once. These are
    /// whole entries, encoded.
    pub(super) fn start(header: SegmentHeader, mut writer: FrameWriter, own: &[Vec<u8>]) -> Self {
        let encoded = header.encode();
        let len = SegmentHeader::LEN + own.iter().map(Vec::len).sum::<usize>();
        let mut out = writer.next_bytes(len);
        let mut headers_crc = crc32c(&encoded);
        for piece in std::iter::once(&encoded[..]).chain(own.iter().map(Vec::as_slice)) {
            let (place, rest) = out.split_at_mut(piece.len());
            place.copy_from_slice(piece);
            out = rest;
        }
        for entry in own {
            let (_, header_len) = EntryHeader::decode(entry).expect("encoded by the log itself");
            headers_crc = crc32c_append(headers_crc, &entry[..header_len]);
        }
        writer.publish(len, headers_crc);
        Self { id: header.segment, writer, headers_crc, contents: Contents::default() }
    }

    pub(super) fn slot(&self) -> Slot {
        self.writer.slot()
    }

    #[inline]
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        bytes <= self.writer.room()
    }

    /// Bytes that are left.
    pub(super) fn room(&self) -> u32 {
        self.writer.room() as u32
    }

    /// Appends entries of `total` bytes, which must fit. They become visible together, so that certificates
    /// end on append boundaries (H7).
    #[inline]
    pub(super) fn append(&mut self, entries: &[EntryDraft<'_>], total: usize) -> Placed {
        let slot = self.writer.slot();
        let start = self.writer.len();
        let mut refs = [EntryRef::new(slot, 0); ENTRIES_MAX];
        let mut headers_crc = self.headers_crc;
        let out = self.writer.next_bytes(total);
        let mut at = 0;
        for (entry, place) in entries.iter().zip(&mut refs) {
            let out = &mut out[at..at + entry.encoded_len()];
            let header_len = entry.encode(out);
            headers_crc = crc32c_append(headers_crc, &out[..header_len]);
            self.contents.note(entry, out.len());
            *place = EntryRef::new(slot, (start + at) as u32);
            at += out.len();
        }
        assert_eq!(at, total, "the entries have the length that was reserved");
        self.headers_crc = headers_crc;
        self.writer.publish(total, headers_crc);
        Placed { refs, end: self.position() }
    }

    /// Appends one entry of `total` bytes, which must fit: as [`Tail::append`], without its loop.
    #[inline(always)] // It is most of a put.
    pub(super) fn append_one(&mut self, entry: &EntryDraft<'_>, total: usize) -> (EntryRef, Position) {
        let out = self.writer.next_bytes(total);
        let header_len = entry.encode(out);
        let headers_crc = crc32c_append(self.headers_crc, &out[..header_len]);
        self.contents.note(entry, total);
        self.publish_one(total, headers_crc)
    }

    /// Appends a whole entry, which must fit, as it is.
    #[inline]
    pub(super) fn append_copy(&mut self, entry: &Entry<'_>) -> (EntryRef, Position) {
        let total = entry.bytes().len();
        self.writer.next_bytes(total).copy_from_slice(entry.bytes());
        let headers_crc = crc32c_append(self.headers_crc, entry.header_bytes());
        self.contents.note_copy(entry);
        self.publish_one(total, headers_crc)
    }

    #[inline]
    fn publish_one(&mut self, total: usize, headers_crc: u32) -> (EntryRef, Position) {
        let at = EntryRef::new(self.writer.slot(), self.writer.len() as u32);
        self.headers_crc = headers_crc;
        self.writer.publish(total, headers_crc);
        (at, self.position())
    }

    /// Where the next entry goes.
    #[inline]
    pub(super) fn position(&self) -> Position {
        Position { segment: self.id, offset: self.writer.len() as u32 }
    }

    pub(super) fn certificate(&self) -> Certificate {
        Certificate::seal(self.writer.len() as u32, self.headers_crc)
    }

    /// Nothing more will be appended.
    pub(super) fn seal(self) -> (Certificate, FrameEnd, Contents) {
        (self.certificate(), self.writer.end(), self.contents)
    }
}
