//! Limits of a memory store.

use rekindle_types::{Rules, ServerId};

/// How much a [`super::MemoryStore`] holds, and for whom it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryStoreConfig {
    /// The server that this backup belongs to.
    pub server: ServerId,
    /// Most replicas, open ones and those under re-creation included. Default 4,096.
    pub frames: u64,
    /// Most bytes: every replica counts with its capacity from its open on, so that an append never fails for
    /// want of memory. Default 1 GiB.
    pub bytes_max: u64,
    /// Most bytes of filtered entries kept ahead of the recovery masters' loads. Default 64 MiB.
    pub read_ahead_bytes: usize,
    /// Which protocol rules are in force.
    pub rules: Rules,
}

impl MemoryStoreConfig {
    /// The defaults, for the backup of `server`.
    #[must_use]
    pub fn new(server: ServerId) -> Self {
        Self { server, frames: 4096, bytes_max: 1 << 30, read_ahead_bytes: 64 << 20, rules: Rules::default() }
    }
}
