//! Which digests an inventory shows.

use super::{ReplicaInfo, ReplicaState};
use std::cmp::Reverse;

/// In which order to look for the digests of these replicas, until one [ends it](ends_digests).
///
/// H6: recovery reads the digest of an open head, and looks for closed heads above that one: of each backup's closed
/// ones the highest says it all.
pub(crate) fn digest_order(infos: &[ReplicaInfo]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..infos.len()).collect();
    order.sort_by_key(|at| (infos[*at].state, Reverse(infos[*at].replica.segment)));
    order
}

/// Whether this one shows its digest so that those behind it in [`digest_order`] need not.
pub(crate) fn ends_digests(info: &ReplicaInfo) -> bool {
    info.state == ReplicaState::Closed && info.digest.is_some()
}
