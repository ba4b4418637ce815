//! Where a complete log lies.

use rekindle_backup::{ReplicaInfo, ReplicaState};
use rekindle_log::Certificate;
use rekindle_types::{LogId, ReplicaId, SegmentId, ServerId};
use std::cmp::Reverse;

/// A dead master's log, proven complete: every segment of the head's digest has a usable replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogMap {
    /// Whose log.
    pub log: LogId,
    /// Its head.
    pub head: SegmentId,
    /// All segments that the digest names, the head too, by id.
    pub segments: Vec<SegmentMap>,
}

/// A segment and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentMap {
    /// The segment.
    pub segment: SegmentId,
    /// Its usable replicas, at least one: longest certificate first, closed before open. Those of the head may
    /// differ in length; any of them holds all that was acknowledged.
    pub replicas: Vec<FoundReplica>,
}

/// A usable replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundReplica {
    /// Whose backup holds it.
    pub server: ServerId,
    /// Which.
    pub replica: ReplicaId,
    /// Open ones are the head's.
    pub state: ReplicaState,
    /// How far it is valid.
    pub certificate: Certificate,
    /// Read first in recovery.
    pub primary: bool,
}

impl FoundReplica {
    pub(super) fn new(server: ServerId, info: &ReplicaInfo) -> Self {
        Self {
            server,
            replica: info.replica,
            state: info.state,
            certificate: info.certificate,
            primary: info.primary,
        }
    }

    /// H6: a closed replica, and of the head alone also an open one, that still starts with its digest.
    pub(super) fn is_usable(info: &ReplicaInfo, head: SegmentId) -> bool {
        if info.replica.segment == head { info.digest.is_some() } else { info.state == ReplicaState::Closed }
    }
}

impl SegmentMap {
    /// Valid bytes of the segment.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.replicas.first().map_or(0, |r| u64::from(r.certificate.length))
    }

    /// Adds a usable replica and keeps H6's order: longest certificate, closed before open. Closed segments
    /// have one length: a shorter replica of one is no replica of it.
    pub(super) fn add(&mut self, found: FoundReplica, is_head: bool) {
        self.replicas.push(found);
        self.replicas.sort_by_key(|r| {
            (Reverse(r.certificate.length), Reverse(r.state), r.server, Reverse(r.replica.creation))
        });
        self.replicas.dedup_by_key(|r| (r.server, r.replica));
        if !is_head {
            let longest = self.replicas[0].certificate;
            self.replicas.retain(|r| r.certificate == longest);
        }
    }
}

impl LogMap {
    /// Valid bytes of the whole log.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(SegmentMap::bytes).sum()
    }

    /// Takes the inventory of a backup that was heard of later: it may add replicas of segments in the digest,
    /// never change the head (F8).
    pub fn add(&mut self, server: ServerId, inventory: &[ReplicaInfo]) {
        for info in inventory.iter().filter(|i| i.replica.log == self.log) {
            let segment = info.replica.segment;
            let Ok(at) = self.segments.binary_search_by_key(&segment, |s| s.segment) else { continue };
            let found = FoundReplica::new(server, info);
            let same_bytes = self.segments[at].replicas.iter().all(|r| r.certificate == found.certificate);
            if FoundReplica::is_usable(info, self.head) && (same_bytes || segment == self.head) {
                self.segments[at].add(found, segment == self.head);
            }
        }
    }
}
