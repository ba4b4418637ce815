//! The filter by itself, for bytes that no store would take.

use crate::BackupError;
use crate::store::Filter;
use bytes::Bytes;
use rekindle_log::Certificate;
use rekindle_types::{Partition, ReplicaId, Rules};

/// The entries of a replica for each of the partitions, whose pieces are disjoint.
pub fn filtered(
    partitions: &[Partition],
    replica: ReplicaId,
    bytes: &[u8],
    certificate: Certificate,
) -> Result<Vec<Bytes>, BackupError> {
    Filter::new(partitions, Rules::default()).run(replica, bytes, certificate)
}
