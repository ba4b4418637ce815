//! Which replica of each segment is read first.

use super::{BackupRoom, ClusterRoom, ReplicaSource, SegmentReplicas};
use crate::{FoundReplica, LogMap, SegmentMap};
use rekindle_backup::{PrimaryReplica, ReadPlan};
use rekindle_types::{Partition, ServerId};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Where a log is read, and what each backup should read ahead for partitions that are planned already: for an
/// attempt after the first, and for a coordinator that took a recovery over. The same log, partitions and room
/// give the same reads, so that backups told twice go on with what they have. `partitions` are all of the plan's,
/// at their indexes.
#[must_use]
pub fn plan_reads(
    log: &LogMap,
    partitions: &[Partition],
    room: &mut ClusterRoom,
) -> (Vec<SegmentReplicas>, BTreeMap<ServerId, ReadPlan>) {
    let segments = order_reads(log, room);
    let reads = read_plans(&segments, partitions);
    (segments, reads)
}

/// Orders every segment's replicas: longest certificate, then primaries, then by when the backup would have read
/// it, given what it reads before. The first one's backup is charged with the read.
fn order_reads(log: &LogMap, room: &mut ClusterRoom) -> Vec<SegmentReplicas> {
    log.segments.iter().map(|segment| order_segment(segment, room)).collect()
}

fn order_segment(segment: &SegmentMap, room: &mut ClusterRoom) -> SegmentReplicas {
    let bytes = segment.bytes();
    let mut replicas = segment.replicas.clone();
    replicas.sort_by_key(|r| {
        let finish = room.backups.get(&r.server).copied().unwrap_or_default().finish_nanos(bytes);
        (Reverse(r.certificate.length), Reverse(r.state), !r.primary, finish, r.server, r.replica)
    });
    if let Some(first) = replicas.first() {
        let backup: &mut BackupRoom = room.backups.entry(first.server).or_default();
        backup.queued_bytes = backup.queued_bytes.saturating_add(bytes);
    }
    SegmentReplicas { segment: segment.segment, replicas: replicas.iter().map(source).collect() }
}

fn source(found: &FoundReplica) -> ReplicaSource {
    ReplicaSource {
        server: found.server,
        replica: found.replica,
        length: found.certificate.length,
        checksum: found.certificate.checksum,
    }
}

/// What each backup reads ahead: the segments whose first replica it holds.
fn read_plans(segments: &[SegmentReplicas], partitions: &[Partition]) -> BTreeMap<ServerId, ReadPlan> {
    let mut plans: BTreeMap<ServerId, ReadPlan> = BTreeMap::new();
    for first in segments.iter().filter_map(|s| s.replicas.first()) {
        let plan = plans
            .entry(first.server)
            .or_insert_with(|| ReadPlan { replicas: Vec::new(), partitions: partitions.to_vec() });
        plan.replicas.push(PrimaryReplica { replica: first.replica, certificate: first.certificate() });
    }
    plans
}
