//! What makes a prefix of a segment valid.

use super::corrupt::{Corrupt, le_u32};
use crate::crc::crc32c_append;

/// The atomic commit point of replication: a prefix of `length` bytes is valid when the checksum fits it.
///
/// `checksum` is the crc32c of the segment's header, of all entry headers (type byte and length bytes, not
/// bodies: those carry their own) that lie wholly below `length`, and of `length` as 4 bytes. Bytes past the
/// certificate do not exist. It ends on an append boundary (H7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Certificate {
    /// Valid bytes from the segment's start.
    pub length: u32,
    /// See above.
    pub checksum: u32,
}

impl Certificate {
    /// Bytes of a stored one.
    pub const LEN: usize = 8;

    /// Ends the running crc32c over segment header and entry headers.
    #[must_use]
    pub(crate) fn seal(length: u32, headers_crc: u32) -> Self {
        Self { length, checksum: crc32c_append(headers_crc, &length.to_le_bytes()) }
    }

    /// Writes it.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        out[..4].copy_from_slice(&self.length.to_le_bytes());
        out[4..].copy_from_slice(&self.checksum.to_le_bytes());
        out
    }

    /// Reads it back; whether it fits a segment is another question.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        Corrupt::check_len("certificate", bytes, Self::LEN)?;
        Ok(Self { length: le_u32(bytes, 0), checksum: le_u32(bytes, 4) })
    }
}
