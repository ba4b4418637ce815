//! A storage server from outside.

use rekindle_backup::replicator::KnownHead;
use rekindle_cluster::{master::TabletStatus, server::StorageStatus};
use rekindle_types::{Position, SegmentId, ServerId, TabletVersion};

/// A storage server at an instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerLook {
    /// Its id.
    pub server: ServerId,
    /// Whether it takes itself to have a lease, and to be a member.
    pub may_serve: bool,
    /// It knows that it was declared dead.
    pub is_removed: bool,
    /// What it serves or takes.
    pub tablets: Vec<TabletStatus>,
    /// Segments of its log, with memory.
    pub segments: u32,
    /// Most of them, without emergency heads.
    pub segments_max: u32,
    /// Its segments that have not their R replicas, or have some to be dropped; the head is one.
    pub unsettled: usize,
    /// Heads that it opens at once.
    pub opening: usize,
    /// Its heads that no complete switch has left, in their order, as it counts their replicas.
    pub heads: Vec<KnownHead>,
    /// The head that the last complete switch has led to.
    pub current: Option<SegmentId>,
    /// Heads of its log below it are no heads, as it has been confirmed.
    pub floor: Option<SegmentId>,
    /// All of its log is durable up to here.
    pub durable: Position,
    /// It is written up to here.
    pub end: Position,
    /// Closed replicas that made way for open ones on its backup.
    pub reopened: u64,
    /// Passes that its cleaner has ended.
    pub passes: u64,
    /// Passes of it that are under way.
    pub passes_under_way: u64,
    /// It has fewer than R backups.
    pub has_too_few: bool,
    /// What may grow.
    pub census: Census,
}

/// What has to come back to where it was when nothing is asked of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Requests that wait for durability.
    pub waiting: usize,
    /// Calls to backups in flight.
    pub calls: usize,
    /// Side logs that are neither committed nor dropped.
    pub side_logs: usize,
    /// Attempts at replays that are remembered.
    pub replays: usize,
}

impl ServerLook {
    /// What is served with this version.
    pub fn serving(&self) -> impl Iterator<Item = (&TabletStatus, TabletVersion)> {
        self.tablets.iter().filter_map(|tablet| Some((tablet, tablet.serving?.0)))
    }
}

impl From<StorageStatus> for ServerLook {
    fn from(status: StorageStatus) -> Self {
        Self {
            server: status.server,
            may_serve: status.has_lease && !status.is_removed,
            is_removed: status.is_removed,
            segments: status.log.segments,
            segments_max: status.log.segments_max,
            unsettled: status.replication.unsettled,
            opening: status.replication.opening,
            current: status.replication.current,
            floor: status.replication.floor,
            heads: status.heads,
            durable: status.log.durable,
            end: status.log.end,
            reopened: status.reopened,
            passes: status.cleaner.passes,
            passes_under_way: status.cleaner.under_way,
            has_too_few: status.replication.too_few.is_some(),
            census: Census {
                waiting: status.waiting as usize,
                calls: status.replication.calls,
                side_logs: status.log.side_logs,
                replays: status.replays.len(),
            },
            tablets: status.tablets,
        }
    }
}
