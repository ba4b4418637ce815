//! What was decided.

use rekindle_backup::ReadPlan;
use rekindle_log::Certificate;
use rekindle_types::{Partition, PartitionIndex, ReplicaId, SegmentId, ServerId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a dead master's data comes back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryPlan {
    /// Disjoint, together exactly the tablets that were owned; a partition's index is its place here.
    pub partitions: Vec<PlannedPartition>,
    /// The log's segments and where to read each, best replica first.
    pub segments: Vec<SegmentReplicas>,
    /// What each backup should read ahead, in order.
    pub reads: BTreeMap<ServerId, ReadPlan>,
    /// Bytes of partitions without a master: parked until servers join (L2).
    pub bytes_missing: u64,
}

/// One partition and who replays it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedPartition {
    /// Its index in the plan.
    pub index: PartitionIndex,
    /// What it consists of.
    pub partition: Partition,
    /// Bytes expected, reserved on the master.
    pub bytes: u64,
    /// Its recovery master; `None` waits for room.
    pub master: Option<ServerId>,
    /// How many partitions of this plan its master replays before it; each round reads every segment again.
    pub round: u32,
}

/// Where to read a segment of a dead master, best replica first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentReplicas {
    /// The segment.
    pub segment: SegmentId,
    /// Backups that hold it.
    pub replicas: Vec<ReplicaSource>,
}

/// A replica of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaSource {
    /// Whose backup holds it.
    pub server: ServerId,
    /// Which.
    pub replica: ReplicaId,
    /// Valid bytes of it: those of a head may differ, in unacknowledged entries.
    pub length: u32,
    /// The certificate's checksum.
    pub checksum: u32,
}

impl ReplicaSource {
    /// What makes its bytes valid.
    #[must_use]
    pub fn certificate(&self) -> Certificate {
        Certificate { length: self.length, checksum: self.checksum }
    }
}
