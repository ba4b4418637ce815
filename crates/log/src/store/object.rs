//! What callers see of objects.

use crate::LogError;
use bytes::Bytes;
use rekindle_types::Version;

/// An object as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its bytes: a copy, or, from [`super::StoreConfig::pin_bytes_min`] on, a part of the log's memory.
    pub value: Bytes,
    /// Its version.
    pub version: Version,
}

/// What came of a put or a delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// Put: the new version.
    Written(Version),
    /// Deleted: the version that was removed.
    Deleted(Version),
    /// Delete: there was none.
    Absent,
    /// The condition did not hold; the version that is there, if any.
    Refused(Option<Version>),
}

impl WriteOutcome {
    /// Whether the condition did not hold.
    #[must_use]
    pub fn is_refused(self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

/// Why a call was not done at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Correct the call.
    #[error("a key of {bytes} bytes: 1 to {max} are possible")]
    KeyLength {
        /// As given.
        bytes: usize,
        /// At most.
        max: usize,
    },
    /// See there.
    #[error(transparent)]
    Log(#[from] LogError),
}
