//! Tombstone entries.

use super::corrupt::{Corrupt, le_u32, le_u64};
use super::{LogTime, varint};
use rekindle_types::{SegmentId, TableId, Version};

/// Says that every version of an object up to its own is dead (C1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TombstoneEntry<'a> {
    /// The object's table.
    pub table: TableId,
    /// The highest version that it kills.
    pub version: Version,
    /// Segment of the entry that it killed; zero when that never was in this log.
    pub replaces: SegmentId,
    /// When it was written.
    pub timestamp: LogTime,
    /// The object's key.
    pub key: &'a [u8],
}

/// Offsets behind the crc32c: version, timestamp.
const FIXED: usize = 8 + 4;

impl<'a> TombstoneEntry<'a> {
    /// Bytes of the body.
    #[inline]
    #[must_use]
    pub fn body_len(&self) -> usize {
        4 + FIXED + varint::len(self.table.0) + varint::len(self.replaces.0) + self.key.len()
    }

    /// Writes the body behind its crc32c.
    #[inline]
    pub(super) fn encode(&self, out: &mut [u8]) {
        out[..8].copy_from_slice(&self.version.0.to_le_bytes());
        out[8..12].copy_from_slice(&self.timestamp.0.to_le_bytes());
        let mut at = FIXED + varint::put(&mut out[FIXED..], self.table.0);
        at += varint::put(&mut out[at..], self.replaces.0);
        out[at..].copy_from_slice(self.key);
    }

    /// Reads a body, crc32c included but not checked.
    #[inline]
    pub fn decode(body: &'a [u8]) -> Result<Self, Corrupt> {
        Corrupt::check_len("tombstone", body, 4 + FIXED + 2)?;
        let rest = &body[4 + FIXED..];
        let (table, n) = varint::take(rest)?;
        let rest = &rest[n..];
        let (replaces, n) = varint::take(rest)?;
        let key = &rest[n..];
        if key.len() > super::KEY_BYTES_MAX {
            return Err(Corrupt::Value { what: "tombstone's key length", got: key.len() as u64 });
        }
        Ok(Self {
            table: TableId(table),
            version: Version(le_u64(body, 4)),
            replaces: SegmentId(replaces),
            timestamp: LogTime(le_u32(body, 12)),
            key,
        })
    }
}
