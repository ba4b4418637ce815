//! What the replicator wants done.

use super::CallId;
use crate::Fill;
use rekindle_log::Certificate;
use rekindle_types::{ReplicaId, SegmentId, ServerId, SessionNumber};

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Call a backup.
    Write(WriteCall),
    /// Call a backup.
    Free(FreeCall),
    /// Nobody waits for this call any more.
    Abandon(CallId),
    /// The pinned version that this copy was read from is needed no more (P2).
    Unpin(ReplicaId),
    /// Ask the coordinator to store the floor; its answer is awaited.
    StoreFloor(SegmentId),
    /// Tell the log that the head is hurt (H3).
    Roll(SegmentId),
    /// The segment is open on all R; the log's first head: and the coordinator has recorded it (T7).
    Opened(SegmentId),
    /// What lies below `upto` in the segment is durable (H5).
    Acknowledged {
        /// Where.
        segment: SegmentId,
        /// Bytes from its start.
        upto: u32,
    },
    /// The switch away from this head is complete (H4): the next head's digest is current.
    SwitchComplete {
        /// The former head.
        closed: SegmentId,
    },
    /// The side segment is closed on all R.
    SideClosed(SegmentId),
    /// No server that is up keeps a replica.
    Freed(SegmentId),
    /// A backup says that this master is fenced.
    VerifyMembership,
    /// This master is no member any more. Nothing follows.
    Stop,
}

/// A write of the segment's bytes `from..to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WriteCall {
    /// To be named in the answer.
    pub call: CallId,
    /// Whom to call.
    pub server: ServerId,
    /// Which replica.
    pub replica: ReplicaId,
    /// Of this master to that backup (P3).
    pub session: SessionNumber,
    /// Creates the replica.
    pub open: Option<Fill>,
    /// All chunks of this replica are read from one pinned version (P2).
    pub is_copy: bool,
    /// First byte.
    pub from: u32,
    /// Behind the last byte.
    pub to: u32,
    /// Comes with the last chunk only.
    pub certificate: Option<Certificate>,
    /// Closes the replica.
    pub close: bool,
    /// Read first in recovery.
    pub primary: bool,
}

/// Drops a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FreeCall {
    /// To be named in the answer.
    pub call: CallId,
    /// Whom to call.
    pub server: ServerId,
    /// Which replica.
    pub replica: ReplicaId,
    /// Of this master to that backup (P3).
    pub session: SessionNumber,
}
