//! What goes before the records of a batch. Byte table: docs/formats/meta-log.md.

use super::{header::FileHeader, le, record::RECORD_LEN};
use rekindle_log::crc32c;
use rekindle_types::{Lsn, Term};

/// What a frame stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameKind {
    /// A batch.
    Batch,
    /// Nothing: it says what is durable.
    Mark,
}

/// Names a batch and vouches for where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub kind: FrameKind,
    pub records: u32,
    pub record_bytes: u64,
    pub lsn: Lsn,
    pub term: Term,
    /// The last batch known to be durable when this was written.
    pub synced: Lsn,
    /// Where in the file it stands.
    pub at: u64,
}

impl Frame {
    pub const LEN: usize = 64;
    /// Version 1 had no secret.
    const LEN_1: usize = 56;
    pub const MAGIC: [u8; 4] = *b"RKMB";

    /// Writes it, with the secret of its file.
    pub fn encode(&self, secret: u64) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[4..8].copy_from_slice(&Self::MAGIC);
        bytes[8] = match self.kind {
            FrameKind::Batch => 1,
            FrameKind::Mark => 2,
        };
        bytes[12..16].copy_from_slice(&self.records.to_le_bytes());
        let numbers = [self.record_bytes, self.lsn.0, self.term.0, self.synced.0, self.at, secret];
        for (to, number) in bytes[16..].chunks_exact_mut(8).zip(numbers) {
            to.copy_from_slice(&number.to_le_bytes());
        }
        let crc = crc32c(&bytes[4..]);
        bytes[..4].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Bytes of the frames of a file.
    pub fn length(file: &FileHeader) -> usize {
        if file.secret.is_some() { Self::LEN } else { Self::LEN_1 }
    }

    /// The frame at `at`, if one of this file stands there.
    pub(super) fn decode(file: &[u8], at: usize, header: &FileHeader) -> Result<Self, &'static str> {
        let length = Self::length(header);
        let bytes = file.get(at..).and_then(|rest| rest.get(..length)).ok_or("a frame is cut off")?;
        if bytes[4..8] != Self::MAGIC || le::u32(bytes, 0) != crc32c(&bytes[4..]) {
            return Err("the checksum of a frame is wrong");
        }
        let frame = Self {
            kind: if bytes[8] == 1 { FrameKind::Batch } else { FrameKind::Mark },
            records: le::u32(bytes, 12),
            record_bytes: le::u64(bytes, 16),
            lsn: Lsn(le::u64(bytes, 24)),
            term: Term(le::u64(bytes, 32)),
            synced: Lsn(le::u64(bytes, 40)),
            at: le::u64(bytes, 48),
        };
        let is_empty = frame.records == 0 && frame.record_bytes == 0;
        let is_sane = match bytes[8] {
            1 => {
                frame.synced < frame.lsn && frame.record_bytes >= u64::from(frame.records) * RECORD_LEN as u64
            }
            2 => frame.synced <= frame.lsn && is_empty,
            _ => false,
        };
        if !is_sane || bytes[9..12] != [0; 3] {
            return Err("a frame says what no frame says");
        }
        if frame.term != header.term || frame.at != at as u64 {
            return Err("a frame is of another place");
        }
        // J2: bytes that a client wrote are no frame.
        if header.secret.is_some_and(|secret| secret != le::u64(bytes, Self::LEN_1)) {
            return Err("a frame has not the secret of its file");
        }
        Ok(frame)
    }
}

const _: () = assert!(Frame::LEN == 16 + 6 * 8 && Frame::LEN_1 + 8 == Frame::LEN);
