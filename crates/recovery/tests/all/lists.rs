//! Inventories by hand.

use rekindle_backup::{ReplicaInfo, ReplicaState};
use rekindle_log::Certificate;
use rekindle_types::{CreationNumber, LogId, ReplicaId, SegmentId, ServerId};

/// The dead master's log.
pub const LOG: LogId = LogId::of(ServerId(1));

/// What a backup lists.
pub type Inventory = (ServerId, Vec<ReplicaInfo>);

/// The digests that backups show: those of open heads, and of the closed ones the highest one's.
pub fn shown((server, mut replicas): Inventory) -> Inventory {
    let closed = |info: &ReplicaInfo| info.state == ReplicaState::Closed && info.digest.is_some();
    let highest = replicas.iter().filter(|info| closed(info)).map(|info| info.replica.segment).max();
    for info in replicas.iter_mut().filter(|info| closed(info) && Some(info.replica.segment) != highest) {
        info.digest = None;
    }
    (server, replicas)
}

/// A backup's inventory.
pub fn backup(server: u64, replicas: impl IntoIterator<Item = ReplicaInfo>) -> Inventory {
    (ServerId(server), replicas.into_iter().collect())
}

/// A closed replica of a side segment, or of one whose digest does not matter.
pub fn closed(segment: u64) -> ReplicaInfo {
    ReplicaInfo {
        replica: ReplicaId { log: LOG, segment: SegmentId(segment), creation: CreationNumber(segment) },
        state: ReplicaState::Closed,
        certificate: certificate(1000),
        primary: false,
        digest: None,
    }
}

/// An open head that names these segments and itself.
pub fn head(segment: u64, others: &[u64]) -> ReplicaInfo {
    let digest = others.iter().chain([&segment]).map(|id| SegmentId(*id)).collect();
    ReplicaInfo { state: ReplicaState::Open, digest: Some(digest), ..closed(segment) }
}

/// A head that was closed.
pub fn closed_head(segment: u64, others: &[u64]) -> ReplicaInfo {
    ReplicaInfo { state: ReplicaState::Closed, ..head(segment, others) }
}

/// The same with another length.
pub fn long(length: u32, info: ReplicaInfo) -> ReplicaInfo {
    ReplicaInfo { certificate: certificate(length), ..info }
}

/// The same, read first.
pub fn primary(info: ReplicaInfo) -> ReplicaInfo {
    ReplicaInfo { primary: true, ..info }
}

/// Certificates of one segment agree when their lengths do.
pub fn certificate(length: u32) -> Certificate {
    Certificate { length, checksum: length ^ 0x5555 }
}
