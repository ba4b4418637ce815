//! What a server has left.

use serde::{Deserialize, Serialize};

/// Memory and frames of a storage server, as it tells them with every renewal (L2, L3). All zero: nothing is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServerRoom {
    /// Bytes of a segment of its log: memory is reserved in whole segments.
    pub segment_bytes: u32,
    /// Bytes of memory for entries, without reserves and heads.
    pub memory_total_bytes: u64,
    /// Bytes of that which partitions of dead masters can have. What replays under way have reserved counts as
    /// free: whoever ordered them knows of it.
    pub memory_free_bytes: u64,
    /// Replicas that its backup can hold.
    pub frames_total: u64,
    /// Replicas that its backup can still take.
    pub frames_free: u64,
    /// Bytes per second that its backup reads; zero for unknown.
    pub read_rate: u64,
}
