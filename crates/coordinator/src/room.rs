//! What servers have told of their room, and what recoveries may take of it (L2, L3, O2). Pure.

use crate::ClusterState;
use crate::entity::{OperationState, PartitionRecord, RecoverPhase};
use rekindle_log::partition_segments;
use rekindle_recovery::{BackupRoom, ClusterRoom, MasterRoom};
use rekindle_types::{LogId, ServerId, ServerRoom};
use std::collections::{BTreeMap, BTreeSet};

/// What each server told last. It is told anew in every reign, and forgotten with the server.
pub type Rooms = BTreeMap<ServerId, ServerRoom>;

/// What the servers have left, less what the recoveries under way have reserved (O2). Who has not told anything yet
/// has nothing.
#[must_use]
pub fn cluster_room(state: &ClusterState, rooms: &Rooms) -> ClusterRoom {
    let told = |server: ServerId| rooms.get(&server).copied().unwrap_or_default();
    // T7: nobody whose first head is not recorded gets a tablet.
    let mut masters: BTreeMap<ServerId, MasterRoom> = state
        .placeable()
        .map(|s| (s.id, told(s.id)))
        .map(|(id, room)| {
            let ServerRoom { memory_free_bytes: free_bytes, segment_bytes, .. } = room;
            (id, MasterRoom { free_bytes, busy_bytes: 0, segment_bytes })
        })
        .collect();
    for partition in state.partitions().filter(|p| !p.is_committed()) {
        if let Some(master) = masters.get_mut(&partition.master) {
            let taken = master.taken_by(partition.bytes);
            master.free_bytes = master.free_bytes.saturating_sub(taken);
            master.busy_bytes = master.busy_bytes.saturating_add(taken);
        }
    }
    let backup = |server: ServerId| BackupRoom { read_rate: told(server).read_rate, queued_bytes: 0 };
    let backups = state.servers().up().map(|s| (s.id, backup(s.id))).collect();
    ClusterRoom { masters, backups }
}

/// Too few frames are left for one more recovery beside those that run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{free} frames are free, {need} are needed: {running} has to end first; start more servers, or give backups more frames"
)]
pub struct FramesShort {
    /// Free frames of all backups that are up.
    pub free: u64,
    /// What the recoveries that run and this one may take.
    pub need: u64,
    /// The recovery that goes first.
    pub running: LogId,
}

/// L3: when frames are short, recoveries go one server after another. `Err` when the recovery of `dead`, of a log
/// of so many bytes, has to wait for one that runs; those in `stuck` are not waited for: nobody knows how long.
pub fn frames_suffice(
    state: &ClusterState,
    rooms: &Rooms,
    dead: ServerId,
    bytes: u64,
    stuck: &BTreeSet<LogId>,
) -> Result<(), FramesShort> {
    let running = state.unfinished().filter_map(|operation| match operation.state {
        OperationState::Recover { server, phase } if phase != RecoverPhase::Discover => {
            Some(LogId::of(server))
        }
        _ => None,
    });
    let running: Vec<LogId> = running.filter(|log| log.server != dead && !stuck.contains(log)).collect();
    let Some(first) = running.first() else { return Ok(()) };
    let up: Vec<ServerRoom> = state.servers().up().filter_map(|s| rooms.get(&s.id)).copied().collect();
    let segment_bytes =
        up.iter().map(|room| room.segment_bytes).filter(|bytes| *bytes > 0).min().unwrap_or(1);
    let replicas = u64::from(state.shape().map_or(0, |shape| shape.replicas));
    let segments = |bytes: u64| partition_segments(bytes, segment_bytes);
    let open = |log: &LogId| -> u64 {
        let open = state.partitions_of(*log).filter(|p| !p.is_committed() && is_placed(state, p));
        open.map(|p| segments(p.bytes)).sum()
    };
    // Of this one, a last segment and a new head on each master.
    let own = segments(bytes) + 2 * up.len() as u64;
    let need = replicas.saturating_mul(own.saturating_add(running.iter().map(open).sum()));
    let free = up.iter().map(|room| room.frames_free).fold(0, u64::saturating_add);
    if free >= need { Ok(()) } else { Err(FramesShort { free, need, running: *first }) }
}

fn is_placed(state: &ClusterState, partition: &PartitionRecord) -> bool {
    state.servers().is_up(partition.master)
}
