//! The first bytes of every segment. Byte table: docs/formats/segment.md.

use super::corrupt::{Corrupt, le_u32, le_u64};
use super::{CAPACITY_MAX, CAPACITY_MIN, CAPACITY_UNIT};
use crate::crc::crc32c;
use rekindle_types::{LogId, SegmentId, ServerId};

/// Names a segment and vouches for its own 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SegmentHeader {
    /// The log that it belongs to.
    pub log: LogId,
    /// Its id, not zero.
    pub segment: SegmentId,
    /// Most bytes that it may ever have.
    pub capacity: u32,
}

impl SegmentHeader {
    /// Bytes of a header.
    pub const LEN: usize = 32;
    const MAGIC: [u8; 4] = *b"RKS1";
    const VERSION: u16 = 1;

    /// Writes it.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        out[..4].copy_from_slice(&Self::MAGIC);
        out[4..6].copy_from_slice(&Self::VERSION.to_le_bytes());
        out[6..8].copy_from_slice(&self.log.index.to_le_bytes());
        out[8..16].copy_from_slice(&self.log.server.0.to_le_bytes());
        out[16..24].copy_from_slice(&self.segment.0.to_le_bytes());
        out[24..28].copy_from_slice(&self.capacity.to_le_bytes());
        let crc = crc32c(&out[..28]);
        out[28..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads it back, or says exactly what is wrong with it. Reads `LEN` bytes at most.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        Corrupt::check_len("segment header", bytes, Self::LEN)?;
        let magic: [u8; 4] = bytes[..4].try_into().expect("four bytes");
        if magic != Self::MAGIC {
            return Err(Corrupt::Magic { got: magic, expected: Self::MAGIC });
        }
        let (computed, stored) = (crc32c(&bytes[..28]), le_u32(bytes, 28));
        if computed != stored {
            return Err(Corrupt::Crc { what: "segment header", computed, stored });
        }
        let version = u16::from_le_bytes([bytes[4], bytes[5]]);
        if version != Self::VERSION {
            return Err(Corrupt::FormatVersion { got: version, known: Self::VERSION });
        }
        let log =
            LogId { server: ServerId(le_u64(bytes, 8)), index: u16::from_le_bytes([bytes[6], bytes[7]]) };
        let header = Self { log, segment: SegmentId(le_u64(bytes, 16)), capacity: le_u32(bytes, 24) };
        if header.segment == SegmentId(0) {
            return Err(Corrupt::Value { what: "segment id", got: 0 });
        }
        if !Self::is_capacity(header.capacity) {
            return Err(Corrupt::Value { what: "capacity", got: u64::from(header.capacity) });
        }
        Ok(header)
    }

    /// Whether segments may have this capacity.
    #[must_use]
    pub fn is_capacity(bytes: u32) -> bool {
        (CAPACITY_MIN..=CAPACITY_MAX).contains(&bytes) && bytes.is_multiple_of(CAPACITY_UNIT)
    }
}

const _: () = assert!(SegmentHeader::LEN == 4 + 2 + 2 + 8 + 8 + 4 + 4);
