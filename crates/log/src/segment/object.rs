//! Object entries.

use super::corrupt::{Corrupt, le_u32, le_u64};
use super::{LogTime, varint};
use rekindle_types::{SegmentId, TableId, Version};

/// A version of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectEntry<'a> {
    /// Its table.
    pub table: TableId,
    /// Its version, not zero.
    pub version: Version,
    /// When it was written.
    pub timestamp: LogTime,
    /// Segment of the entry that it replaces, which is dead with it (C1).
    pub replaces: Option<SegmentId>,
    /// Absolute time in milliseconds from which on it is absent (V2).
    pub expiry: Option<u64>,
    /// At most 65,535 bytes.
    pub key: &'a [u8],
    /// Any bytes.
    pub value: &'a [u8],
}

/// Offsets behind the crc32c: version, timestamp, key length.
const FIXED: usize = 8 + 4 + 2;

impl<'a> ObjectEntry<'a> {
    fn replaces_and_flag(&self) -> u64 {
        self.replaces.map_or(0, |s| s.0) << 1 | u64::from(self.expiry.is_some())
    }

    /// Bytes of the body.
    #[inline]
    #[must_use]
    pub fn body_len(&self) -> usize {
        let numbers = varint::len(self.table.0) + varint::len(self.replaces_and_flag());
        let expiry = if self.expiry.is_some() { 8 } else { 0 };
        4 + FIXED + numbers + expiry + self.key.len() + self.value.len()
    }

    /// Writes the body behind its crc32c.
    #[inline]
    pub(super) fn encode(&self, out: &mut [u8]) {
        debug_assert!(self.version.0 > 0, "zero is no version");
        out[..8].copy_from_slice(&self.version.0.to_le_bytes());
        out[8..12].copy_from_slice(&self.timestamp.0.to_le_bytes());
        let key_len = u16::try_from(self.key.len()).expect("checked before: keys have 64 KiB at most");
        out[12..14].copy_from_slice(&key_len.to_le_bytes());
        let mut at = FIXED + varint::put(&mut out[FIXED..], self.table.0);
        at += varint::put(&mut out[at..], self.replaces_and_flag());
        if let Some(expiry) = self.expiry {
            out[at..at + 8].copy_from_slice(&expiry.to_le_bytes());
            at += 8;
        }
        let (key, value) = out[at..].split_at_mut(self.key.len());
        key.copy_from_slice(self.key);
        value.copy_from_slice(self.value);
    }

    /// Reads a body, crc32c included but not checked.
    #[inline]
    pub fn decode(body: &'a [u8]) -> Result<Self, Corrupt> {
        Corrupt::check_len("object", body, 4 + FIXED + 2)?;
        let key_len = usize::from(u16::from_le_bytes([body[16], body[17]]));
        let version = Version(le_u64(body, 4));
        let timestamp = LogTime(le_u32(body, 12));
        let rest = &body[4 + FIXED..];
        let (table, n) = varint::take(rest)?;
        let rest = &rest[n..];
        let (replaces, n) = varint::take(rest)?;
        let mut rest = &rest[n..];
        let mut expiry = None;
        if replaces & 1 == 1 {
            Corrupt::check_len("object's expiry", rest, 8)?;
            expiry = Some(le_u64(rest, 0));
            rest = &rest[8..];
        }
        Corrupt::check_len("object's key", rest, key_len)?;
        if version.0 == 0 {
            return Err(Corrupt::Value { what: "object's version", got: 0 });
        }
        let (key, value) = rest.split_at(key_len);
        let replaces = (replaces > 1).then_some(SegmentId(replaces >> 1));
        Ok(Self { table: TableId(table), version, timestamp, replaces, expiry, key, value })
    }
}
