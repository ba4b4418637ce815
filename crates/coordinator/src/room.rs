//! What servers have told of their room, and what recoveries may take of it (L2, L3, O2). Pure.

use crate::ClusterState;
use crate::entity::{OperationState, PartitionRecord, RecoverPhase};
use rekindle_log::partition_segments;
use rekindle_recovery::{BackupRoom, ClusterRoom, MasterRoom};
use rekindle_types::{LogId, PartitionIndex, ServerId, ServerRoom};
use std::collections::{BTreeMap, BTreeSet};

/// What each server told last. It is told anew in every reign, and forgotten with the server.
pub type Rooms = BTreeMap<ServerId, ServerRoom>;

/// What the servers have left, less what the recoveries under way have reserved (O2). Who has not told anything yet
/// has nothing.
#[must_use]
pub fn cluster_room(state: &ClusterState, rooms: &Rooms) -> ClusterRoom {
    room_beside(state, rooms, None)
}

/// The same, as if this partition had reserved nothing: its attempt is over.
#[must_use]
pub fn room_beside(
    state: &ClusterState,
    rooms: &Rooms,
    over: Option<(LogId, PartitionIndex)>,
) -> ClusterRoom {
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
    for partition in state.partitions().filter(|p| p.is_open() && over != Some((p.crashed, p.index))) {
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
    let running: Vec<LogId> =
        running.filter(|log| log.server != dead && !stuck.contains(log) && goes_on(state, *log)).collect();
    let Some(first) = running.first() else { return Ok(()) };
    let up: Vec<ServerRoom> = state.servers().up().filter_map(|s| rooms.get(&s.id)).copied().collect();
    let segment_bytes =
        up.iter().map(|room| room.segment_bytes).filter(|bytes| *bytes > 0).min().unwrap_or(1);
    let replicas = u64::from(state.shape().map_or(0, |shape| shape.replicas));
    let segments = |bytes: u64| partition_segments(bytes, segment_bytes);
    let open = |log: &LogId| -> u64 {
        let open = state.partitions_of(*log).filter(|p| p.is_open() && is_placed(state, p));
        open.map(|p| segments(p.bytes)).sum()
    };
    // Of this one, a last segment and a new head on each master.
    let own = segments(bytes) + 2 * up.len() as u64;
    let need = replicas.saturating_mul(own.saturating_add(running.iter().map(open).sum()));
    let free = up.iter().map(|room| room.frames_free).fold(0, u64::saturating_add);
    if free >= need { Ok(()) } else { Err(FramesShort { free, need, running: *first }) }
}

/// Whether it comes to an end by itself: who has not one master that replays for it waits for room, as this one does.
fn goes_on(state: &ClusterState, log: LogId) -> bool {
    let mut open = state.partitions_of(log).filter(|p| !p.is_committed()).peekable();
    open.peek().is_none() || open.any(|p| is_placed(state, p))
}

fn is_placed(state: &ClusterState, partition: &PartitionRecord) -> bool {
    state.servers().is_up(partition.master)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::{ClusterShape, Entity, Operation, OperationId, PartitionPhase, ServerRecord};
    use crate::entity::{Committed, PartitionRecord};
    use rekindle_types::{Attempt, Lsn, PartitionIndex, ServerEntry, ServerStatus};

    const DEAD: ServerId = ServerId(1);
    const MASTER: ServerId = ServerId(2);

    fn server(id: u64, is_up: bool) -> Entity {
        let (name, address, domain) = (format!("s{id}"), String::new(), String::new());
        let status = if is_up { ServerStatus::Up } else { ServerStatus::Dead };
        let entry = ServerEntry { id: ServerId(id), name, address, domain, status };
        Entity::Server(ServerRecord { entry, incarnation: id })
    }

    /// `DEAD` is being recovered by `MASTER`, and another server has died since.
    fn state(is_master_up: bool, phase: PartitionPhase) -> ClusterState {
        let shape = ClusterShape { replicas: 2, servers_min: 1, is_formed: true };
        let operation = OperationId(1);
        let recover = OperationState::Recover { server: DEAD, phase: RecoverPhase::Replay };
        let partition = PartitionRecord {
            crashed: LogId::of(DEAD),
            index: PartitionIndex(0),
            operation,
            pieces: Vec::new(),
            bytes: 1 << 20,
            master: MASTER,
            attempt: Attempt(1),
            cause: Lsn(1),
            phase,
            obsolete: Vec::new(),
        };
        let entities = [
            Entity::Cluster { shape, lease_ms_max: 1 },
            Entity::Members { next_server: ServerId(9) },
            server(DEAD.0, false),
            server(MASTER.0, is_master_up),
            server(3, false),
            server(4, true),
            Entity::Operation(Operation { id: operation, begun: Lsn(1), state: recover, outcome: None }),
            Entity::Partition(partition),
        ];
        let records: Vec<_> = entities.iter().map(Entity::record).collect();
        let mut state = ClusterState::default();
        state.apply(Lsn(1), &records).unwrap();
        state
    }

    #[test]
    fn only_recoveries_that_go_on_by_themselves_are_waited_for() {
        let suffice = |state: &ClusterState| {
            frames_suffice(state, &Rooms::new(), ServerId(3), 1 << 20, &BTreeSet::new())
        };
        let short = suffice(&state(true, PartitionPhase::Replay)).unwrap_err();
        assert_eq!(short.running, LogId::of(DEAD));
        assert_eq!(suffice(&state(false, PartitionPhase::Replay)), Ok(()), "it waits for room itself");
        let freeing = PartitionPhase::Committed(Committed::default());
        assert!(suffice(&state(false, freeing)).is_err(), "its frames are about to be freed");
    }
}
