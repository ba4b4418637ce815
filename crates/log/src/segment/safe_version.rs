//! The safe version: what versions can't exceed before the next head.

use super::corrupt::{Corrupt, le_u64};
use super::entry::{EntryType, encode_owned};
use rekindle_types::Version;

/// A version that no entry of the log exceeds before the next head (V1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SafeVersion(pub Version);

impl SafeVersion {
    /// A whole entry.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        encode_owned(EntryType::SAFE_VERSION, 8, |out| out.copy_from_slice(&self.0.0.to_le_bytes()))
    }

    /// Reads a body, crc32c included but not checked.
    pub fn decode(body: &[u8]) -> Result<Self, Corrupt> {
        Corrupt::check_len("safe version", body, 12)?;
        if body.len() != 12 {
            return Err(Corrupt::Value { what: "safe version's length", got: body.len() as u64 });
        }
        Ok(Self(Version(le_u64(body, 4))))
    }
}
