//! Entries: a header of 2 to 5 bytes and a body that starts with its crc32c.

use super::corrupt::{Corrupt, le_u32};
use super::{Digest, ObjectEntry, SafeVersion, TabletStats, TombstoneEntry};
use crate::crc::crc32c;

/// What an entry is. Persisted: numbers are frozen, unknown ones are skipped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EntryType(u8);

impl EntryType {
    /// A version of an object.
    pub const OBJECT: Self = Self(1);
    /// Says that versions of an object are dead.
    pub const TOMBSTONE: Self = Self(2);
    /// All segments of the log.
    pub const DIGEST: Self = Self(3);
    /// A version that nothing exceeds.
    pub const SAFE_VERSION: Self = Self(4);
    /// Input of wills.
    pub const TABLET_STATS: Self = Self(5);
    /// Reserved: stored results of exactly-once calls.
    pub const RPC_RESULT: Self = Self(6);

    /// The persisted number, 1 to 63.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }
}

/// The bytes in front of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryHeader {
    /// What follows.
    pub entry_type: EntryType,
    /// Bytes of the body.
    pub body_len: u32,
}

impl EntryHeader {
    /// Most bytes of a header.
    pub const LEN_MAX: usize = 5;

    /// Bytes of the header of a body this long.
    #[inline]
    #[must_use]
    pub fn len_for(body_len: u32) -> usize {
        1 + Self::width(body_len)
    }

    #[inline]
    fn width(body_len: u32) -> usize {
        (32 - (body_len | 1).leading_zeros() as usize).div_ceil(8)
    }

    /// Writes it to the front of `out`, returns the bytes taken.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        let width = Self::width(self.body_len);
        out[0] = (width as u8 - 1) << 6 | self.entry_type.0;
        out[1..=width].copy_from_slice(&self.body_len.to_le_bytes()[..width]);
        1 + width
    }

    /// Reads one from the front of `bytes`, returns it and the bytes taken. Looks at no body.
    #[inline]
    pub fn decode(bytes: &[u8]) -> Result<(Self, usize), Corrupt> {
        Corrupt::check_len("entry header", bytes, 2)?;
        let width = usize::from(bytes[0] >> 6) + 1;
        let entry_type = EntryType(bytes[0] & 0x3f);
        let body_len = match bytes.get(1..5) {
            Some(word) => le_u32(word, 0) & (u32::MAX >> (32 - 8 * width)),
            None => Self::decode_short(&bytes[1..], width)?,
        };
        if entry_type.0 == 0 {
            return Err(Corrupt::Value { what: "entry type", got: 0 });
        }
        if Self::width(body_len) != width || body_len < 4 {
            return Err(Corrupt::Value { what: "entry length", got: u64::from(body_len) });
        }
        Ok((Self { entry_type, body_len }, 1 + width))
    }

    /// Near the end of the bytes, where no whole word can be read.
    fn decode_short(bytes: &[u8], width: usize) -> Result<u32, Corrupt> {
        Corrupt::check_len("entry length", bytes, width)?;
        let mut word = [0; 4];
        word[..width].copy_from_slice(&bytes[..width]);
        Ok(u32::from_le_bytes(word))
    }
}

/// An entry as it lies in a segment: whole, but neither verified nor parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Where it starts in the bytes that were walked.
    pub offset: u32,
    /// What it is.
    pub entry_type: EntryType,
    bytes: &'a [u8],
    header_len: u8,
}

impl<'a> Entry<'a> {
    /// Reads the entry at the front of `bytes`; `offset` is kept for reports.
    #[inline]
    pub fn decode(bytes: &'a [u8], offset: u32) -> Result<Self, Corrupt> {
        let (header, header_len) = EntryHeader::decode(bytes)?;
        let need = header_len + header.body_len as usize;
        Corrupt::check_len("entry", bytes, need)?;
        Ok(Self {
            offset,
            entry_type: header.entry_type,
            bytes: &bytes[..need],
            header_len: header_len as u8,
        })
    }

    /// All of it, header included: to be copied as it is.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The header's bytes: what a certificate covers.
    #[inline]
    #[must_use]
    pub fn header_bytes(&self) -> &'a [u8] {
        &self.bytes[..usize::from(self.header_len)]
    }

    /// The body, crc32c included.
    #[inline]
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        &self.bytes[usize::from(self.header_len)..]
    }

    /// Checks the body against its crc32c.
    #[inline]
    pub fn verify(&self) -> Result<(), Corrupt> {
        let (computed, stored) = (crc32c(&self.body()[4..]), le_u32(self.body(), 0));
        if computed == stored { Ok(()) } else { Err(Corrupt::Crc { what: "entry body", computed, stored }) }
    }

    /// What it says. Does not check the crc32c: see [`Entry::verify`].
    #[inline]
    pub fn parse(&self) -> Result<Parsed<'a>, Corrupt> {
        Ok(match self.entry_type {
            EntryType::OBJECT => Parsed::Object(ObjectEntry::decode(self.body())?),
            EntryType::TOMBSTONE => Parsed::Tombstone(TombstoneEntry::decode(self.body())?),
            EntryType::DIGEST => Parsed::Digest(Digest::decode(self.body())?),
            EntryType::SAFE_VERSION => Parsed::SafeVersion(SafeVersion::decode(self.body())?),
            EntryType::TABLET_STATS => Parsed::TabletStats(TabletStats::decode(self.body())?),
            other => Parsed::Unknown(other),
        })
    }
}

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// A version of an object.
    Object(ObjectEntry<'a>),
    /// Versions of an object are dead.
    Tombstone(TombstoneEntry<'a>),
    /// All segments of the log.
    Digest(Digest<'a>),
    /// A version that nothing exceeds before the next head.
    SafeVersion(SafeVersion),
    /// Sizes of tablets.
    TabletStats(TabletStats<'a>),
    /// Not known here: skip it.
    Unknown(EntryType),
}

/// An entry to be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryDraft<'a> {
    /// A version of an object.
    Object(ObjectEntry<'a>),
    /// Versions of an object are dead.
    Tombstone(TombstoneEntry<'a>),
}

impl<'a> EntryDraft<'a> {
    /// Bytes of the body.
    #[inline]
    #[must_use]
    pub fn body_len(&self) -> usize {
        match self {
            Self::Object(object) => object.body_len(),
            Self::Tombstone(tombstone) => tombstone.body_len(),
        }
    }

    /// Bytes of the whole entry.
    #[inline]
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let body = self.body_len();
        EntryHeader::len_for(u32::try_from(body).unwrap_or(u32::MAX)) + body
    }

    /// Writes the whole entry into `out`, which has exactly [`EntryDraft::encoded_len`] bytes; returns the
    /// bytes of the header.
    ///
    /// # Panics
    /// When `out` has another length.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> usize {
        match self {
            Self::Object(object) => {
                encode_entry(EntryType::OBJECT, out, object.body_len(), |b| object.encode(b))
            }
            Self::Tombstone(tombstone) => {
                encode_entry(EntryType::TOMBSTONE, out, tombstone.body_len(), |b| tombstone.encode(b))
            }
        }
    }

    /// Table and key.
    #[inline]
    #[must_use]
    pub fn key(&self) -> (rekindle_types::TableId, &'a [u8]) {
        match self {
            Self::Object(object) => (object.table, object.key),
            Self::Tombstone(tombstone) => (tombstone.table, tombstone.key),
        }
    }
}

/// Writes header, body and the body's crc32c; `fill` gets the body behind the crc32c.
#[inline]
pub(super) fn encode_entry(
    entry_type: EntryType,
    out: &mut [u8],
    body_len: usize,
    fill: impl FnOnce(&mut [u8]),
) -> usize {
    let header = EntryHeader { entry_type, body_len: u32::try_from(body_len).expect("bodies fit a segment") };
    let at = header.encode(out);
    let body = &mut out[at..];
    assert_eq!(body.len(), body_len, "room for exactly the entry");
    fill(&mut body[4..]);
    let crc = crc32c(&body[4..]);
    body[..4].copy_from_slice(&crc.to_le_bytes());
    at
}

/// A whole entry of the log's own, in a buffer of its own.
pub(super) fn encode_owned(
    entry_type: EntryType,
    payload_len: usize,
    fill: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let body_len = 4 + payload_len;
    let header_len = EntryHeader::len_for(u32::try_from(body_len).expect("bodies fit a segment"));
    let mut out = vec![0; header_len + body_len];
    encode_entry(entry_type, &mut out, body_len, fill);
    out
}
