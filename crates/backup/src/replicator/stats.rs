//! What an operator sees of replication.

use rekindle_types::{ReplicaId, SegmentId, ServerId};

/// How replication does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplicationStats {
    /// Segments known.
    pub segments: usize,
    /// Segments short of replicas, or with replicas to be dropped.
    pub unsettled: usize,
    /// Calls in flight.
    pub calls: usize,
    /// Replicas lost so far (P1).
    pub lost: u64,
    /// Replicas re-created closed so far (P2).
    pub recreated: u64,
    /// Opens that a backup had no room for.
    pub rejected: u64,
    /// Heads that lost a replica so far (H3).
    pub hurt: u64,
    /// Heads that were asked of some backup and were not open on all yet: at most one (H1).
    pub opening: usize,
    /// Those of them that no complete switch has left yet: what they hold beyond the loss waits for one (H5).
    pub hurt_heads: usize,
    /// Heads behind the current one: the switch to the first of them is not complete (H4).
    pub heads_waiting: usize,
    /// Whether the coordinator is being asked to store a floor (H3).
    pub is_floor_asked: bool,
    /// The current head: the switch to it is complete (H4).
    pub current: Option<SegmentId>,
    /// The floor that the coordinator is known to have stored.
    pub floor: Option<SegmentId>,
    /// Set while nothing can become durable for want of backups.
    pub too_few: Option<TooFewBackups>,
}

/// A replica that a master knows of, on one of its backups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KnownReplica {
    /// On which.
    pub backup: ServerId,
    /// Which.
    pub replica: ReplicaId,
    /// It is one of the R; else it is to be freed, or may be there.
    pub is_needed: bool,
}

/// A head that no complete switch has left yet, as its master counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KnownHead {
    /// Which.
    pub segment: SegmentId,
    /// It is open on all R, or was.
    pub was_open: bool,
    /// A replica of it was asked to close, or to come to be closed: not before the next head is open on all R (H2).
    pub is_closing: bool,
    /// Bytes that all R have, or had when it was hurt: no more of it is durable before the switch to the next head is
    /// complete (H5).
    pub certified: u32,
}

/// Fewer backups are up than replicas are needed: writes wait (L1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFewBackups {
    /// Backups up.
    pub have: usize,
    /// R.
    pub need: usize,
}
