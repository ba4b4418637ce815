//! The digest: which segments the log has.

use super::corrupt::{Corrupt, le_u64};
use super::entry::{EntryType, encode_owned};
use rekindle_types::SegmentId;

/// Ids of all segments of the log when its head was made, that head among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest<'a> {
    ids: &'a [u8],
}

impl<'a> Digest<'a> {
    /// Bytes of a whole entry with this many ids.
    #[must_use]
    pub const fn encoded_len(ids: usize) -> usize {
        // The widest header is taken, so that a limit checked with this holds.
        super::EntryHeader::LEN_MAX + 4 + 8 * ids
    }

    /// A whole entry; the ids ascend.
    #[must_use]
    pub fn encode(ids: &[SegmentId]) -> Vec<u8> {
        encode_owned(EntryType::DIGEST, 8 * ids.len(), |out| {
            for (place, id) in out.chunks_exact_mut(8).zip(ids) {
                place.copy_from_slice(&id.0.to_le_bytes());
            }
        })
    }

    /// Reads a body, crc32c included but not checked.
    pub fn decode(body: &'a [u8]) -> Result<Self, Corrupt> {
        Corrupt::check_len("digest", body, 4)?;
        if !(body.len() - 4).is_multiple_of(8) {
            return Err(Corrupt::Value { what: "digest's length", got: body.len() as u64 });
        }
        let digest = Self { ids: &body[4..] };
        match digest.iter().zip(digest.iter().skip(1)).find(|(id, next)| id >= next) {
            Some((_, next)) => Err(Corrupt::Value { what: "digest's order", got: next.0 }),
            None => Ok(digest),
        }
    }

    /// The ids, ascending.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = SegmentId> + use<'a> {
        self.ids.chunks_exact(8).map(|id| SegmentId(le_u64(id, 0)))
    }
}
