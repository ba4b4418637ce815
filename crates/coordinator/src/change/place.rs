//! Who gets work: whoever has least.

use crate::ClusterState;
use rekindle_types::ServerId;

/// The server with the fewest tablets, its own and those that it is replaying, among those on which tablets may
/// be placed (T7) and that are not in `avoid`; ties go to the lowest id. Falls back on those to avoid, the first of
/// them first: whoever can't do it must not keep it from another.
#[must_use]
pub fn least_loaded(state: &ClusterState, avoid: &[ServerId]) -> Option<ServerId> {
    let load = |server: ServerId| {
        let replaying = state.partitions().filter(|p| p.master == server && !p.is_committed());
        state.map().owned_by(server).count() + replaying.map(|p| p.pieces.len()).sum::<usize>()
    };
    let turn = |server: ServerId| avoid.iter().position(|s| *s == server);
    state.placeable().map(|s| s.id).min_by_key(|id| (turn(*id), load(*id), *id))
}
