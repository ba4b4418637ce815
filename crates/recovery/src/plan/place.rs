//! Which master takes which partition.

use super::ClusterRoom;
use rekindle_types::ServerId;
use std::cmp::Reverse;

/// Places partitions, the largest first, each on the master that would have it replayed first: least to replay
/// already, then most room. `None` for those that fit nowhere.
pub(super) fn place(bytes: &[u64], room: &mut ClusterRoom) -> Vec<Option<ServerId>> {
    let mut order: Vec<usize> = (0..bytes.len()).collect();
    order.sort_by_key(|at| (Reverse(bytes[*at]), *at));
    let mut placed = vec![None; bytes.len()];
    for at in order {
        placed[at] = best(bytes[at], room).filter(|master| room.reserve(*master, bytes[at]));
    }
    placed
}

fn best(bytes: u64, room: &ClusterRoom) -> Option<ServerId> {
    let fits = room.masters.iter().filter(|(_, m)| m.free_bytes >= m.taken_by(bytes));
    fits.min_by_key(|(id, m)| (m.busy_bytes, Reverse(m.free_bytes), **id)).map(|(id, _)| *id)
}
