//! What a store shows of what it keeps, for inspection.

use super::{ReplicaInfo, file::FrameHeader};
use rekindle_types::ReplicaId;
use std::sync::Arc;

/// All that a store answers for, at an instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// What inventories would list, with the digests of open ones; nothing is fenced by this.
    pub listed: Vec<ReplicaInfo>,
    /// What was here, and can't be vouched for.
    pub damaged: Vec<ReplicaId>,
}

/// The image of a replica on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredImage {
    /// The device.
    pub file: &'static str,
    /// Where the image begins.
    pub at: u64,
    header: Arc<FrameHeader>,
}

impl StoredImage {
    pub(crate) fn new(file: &'static str, at: u64, header: Arc<FrameHeader>) -> Self {
        Self { file, at, header }
    }

    /// Its bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.header.certificate.length as usize
    }

    /// Its number: no other image has it.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.header.generation
    }

    /// Whether these are the bytes that were written.
    #[must_use]
    pub fn is(&self, bytes: &[u8]) -> bool {
        self.header.verify(bytes).is_ok()
    }
}
