//! The recorded steps of a recovery.

use crate::entity::{
    Committed, Entity, Obsolete, Operation, OperationState, Outcome, PartitionPhase, PartitionRecord,
    RecoverPhase, id,
};
use crate::{Batch, ClusterState, Step};
use rekindle_recovery::{Half, halve};
use rekindle_types::{
    Attempt, LogId, Lsn, Partition, PartitionIndex, Rule, Rules, ServerId, Tablet, TabletMap, TabletState,
    TabletVersion,
};

/// A partition of a plan, and who replays it; `None` waits for room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// What it consists of.
    pub partition: Partition,
    /// Bytes expected in it.
    pub bytes: u64,
    /// Its recovery master.
    pub master: Option<ServerId>,
}

/// Nobody: the master of a partition that waits for room.
const NOBODY: ServerId = ServerId(0);

/// Most partitions of one recovery, those that were cut among them.
const PARTITIONS_MAX: usize = 4096;

/// Records a plan: splits the dead server's map entries along the pieces, and makes a partition of each part.
///
/// T1: what the map says is recovered, no less and no more. Pieces outside of it vanish; what no piece covers
/// becomes one more partition.
#[must_use]
pub fn record_plan(
    state: &ClusterState,
    operation: &Operation,
    dead: ServerId,
    plan: &[Placed],
    rules: Rules,
) -> Batch {
    let mut step = Step::new(state);
    let owned: Vec<Tablet> = state.map().owned_by(dead).copied().collect();
    for tablet in &owned {
        step.read(id::tablet(tablet.table, tablet.range.first()));
    }
    // What no piece has covered yet.
    let mut rest: TabletMap = owned.iter().copied().collect();
    let mut parts: Vec<(Vec<Tablet>, u64, Option<ServerId>)> = Vec::new();
    for placed in plan {
        let pieces = if rules.on(Rule::T1) {
            take(&mut rest, &placed.partition.pieces)
        } else {
            take(&mut rest, &placed.partition.pieces);
            placed.partition.pieces.clone()
        };
        parts.push((pieces, placed.bytes, placed.master));
    }
    parts.push((rest.tablets().copied().collect(), 0, None));
    parts.retain(|(pieces, _, _)| !pieces.is_empty());

    let mut index = PartitionIndex(0);
    for (pieces, bytes, master) in parts {
        let pieces: Vec<Tablet> = pieces.into_iter().map(|piece| recovering(dead, piece)).collect();
        for piece in &pieces {
            step.put(&Entity::Tablet(*piece));
        }
        if let Some(master) = master {
            step.read(id::server(master));
        }
        step.change(&Entity::Partition(PartitionRecord {
            crashed: LogId::of(dead),
            index,
            operation: operation.id,
            pieces,
            bytes,
            master: master.unwrap_or(NOBODY),
            attempt: Attempt(1),
            cause: Lsn(0),
            phase: PartitionPhase::Replay,
            obsolete: Vec::new(),
        }));
        index = index.next();
    }
    step.change(&in_phase(operation, dead, RecoverPhase::Replay));
    step.batch()
}

/// Cuts what `pieces` cover out of `rest`.
fn take(rest: &mut TabletMap, pieces: &[Tablet]) -> Vec<Tablet> {
    pieces.iter().flat_map(|piece| rest.take(piece.table, piece.range)).collect()
}

fn in_phase(operation: &Operation, server: ServerId, phase: RecoverPhase) -> Entity {
    Entity::Operation(Operation { state: OperationState::Recover { server, phase }, ..operation.clone() })
}

/// Gives the partition, of so many bytes as is known by now, to another master: its number is recorded before `replay`
/// is sent (T3). The former one must forget its attempt; the same one does so by itself when it sees the higher number.
#[must_use]
pub fn place_again(state: &ClusterState, partition: &PartitionRecord, master: ServerId, bytes: u64) -> Batch {
    let mut next = PartitionRecord { bytes, ..partition.clone() };
    if partition.master != master {
        leave_master(state, &mut next);
    }
    (next.master, next.attempt, next.cause) = (master, partition.attempt.next(), Lsn(0));
    let mut step = Step::new(state);
    step.read(id::server(master)).change(&Entity::Partition(next));
    step.batch()
}

/// Takes the partition from its master, who could not replay it, and gives it to nobody: it waits for room.
#[must_use]
pub fn park(state: &ClusterState, partition: &PartitionRecord, bytes: u64) -> Batch {
    place_again(state, partition, NOBODY, bytes)
}

/// Cuts an open partition in two, and the map entries with it (T1): new partitions, with indexes that were never used,
/// take its pieces over and wait for masters; its own master must forget it. Tables dropped meanwhile are in neither,
/// so that nothing may be left to take over. `known` are bytes seen of each piece. `None` when it can't be cut.
///
/// T4: recorded only while the partition and its tablets are as they were.
#[must_use]
pub fn cut(
    state: &ClusterState,
    partition: &PartitionRecord,
    bytes: u64,
    known: &[u64],
    rules: Rules,
) -> Option<Batch> {
    let left = pieces_left(state, partition, rules);
    let halves = match &left[..] {
        [] => Vec::new(),
        left => {
            // What is known is known of the recorded pieces.
            let known: &[u64] = if left.len() == partition.pieces.len() { known } else { &[] };
            Vec::from(halve(left, bytes, known)?)
        }
    };
    let last = state.partitions_of(partition.crashed).map(|p| p.index).max()?;
    if last.0 as usize + halves.len() >= PARTITIONS_MAX {
        return None;
    }
    let mut step = Step::new(state);
    for piece in &left {
        step.read(id::tablet(piece.table, piece.range.first()));
    }
    let mut index = last;
    for Half { partition: half, bytes } in halves {
        index = index.next();
        let pieces =
            half.pieces.into_iter().map(|piece| recovering(partition.crashed.server, piece)).collect();
        let half = PartitionRecord {
            index,
            pieces,
            bytes,
            master: NOBODY,
            attempt: Attempt(1),
            cause: Lsn(0),
            phase: PartitionPhase::Replay,
            obsolete: Vec::new(),
            ..partition.clone()
        };
        for piece in &half.pieces {
            step.put(&Entity::Tablet(*piece));
        }
        step.change(&Entity::Partition(half));
    }
    let mut former = PartitionRecord { bytes, phase: PartitionPhase::Cut, ..partition.clone() };
    leave_master(state, &mut former);
    step.change(&Entity::Partition(former));
    Some(step.batch())
}

/// The present attempt is obsolete: its master, while it is up, must forget it.
fn leave_master(state: &ClusterState, partition: &mut PartitionRecord) {
    let (master, attempt) = (partition.master, partition.attempt);
    if state.servers().is_up(master) {
        partition.obsolete.retain(|o| o.master != master);
        partition.obsolete.push(Obsolete { master, attempt, cause: Lsn(0) });
    }
}

/// A piece as the map has it while it is recovered.
fn recovering(dead: ServerId, piece: Tablet) -> Tablet {
    Tablet { owner: dead, state: TabletState::Recovering, version: TabletVersion(0), ..piece }
}

/// The pieces of the partition that are still the dead server's: those of dropped tables are not (T1).
#[must_use]
pub fn pieces_left(state: &ClusterState, partition: &PartitionRecord, rules: Rules) -> Vec<Tablet> {
    let is_left = |piece: &Tablet| {
        let entry = state.map().lookup(piece.table, piece.range.first());
        entry.is_some_and(|t| t.range == piece.range && t.owner == partition.crashed.server)
    };
    partition.pieces.iter().filter(|piece| !rules.on(Rule::T1) || is_left(piece)).copied().collect()
}

/// The batch of T3: re-points the partition's tablets to its master. `None` when the master is not up.
///
/// T4: recorded only while the master is up, the attempt is the present one, and the tablets are as they were.
#[must_use]
pub fn commit(
    state: &ClusterState,
    partition: &PartitionRecord,
    committed: Committed,
    rules: Rules,
) -> Option<Batch> {
    if !state.servers().is_up(partition.master) {
        return None;
    }
    let mut step = Step::new(state);
    step.read(id::server(partition.master));
    let mut next = partition.clone();
    let pieces = pieces_left(state, partition, rules);
    for piece in &pieces {
        step.change(&Entity::Tablet(Tablet {
            owner: partition.master,
            state: TabletState::Normal,
            version: TabletVersion(0),
            created: committed.created,
            ..*piece
        }));
    }
    let committed = Committed { granted: Lsn(0), ..committed };
    next.phase = PartitionPhase::Committed(committed);
    if pieces.is_empty() {
        let (master, attempt) = (partition.master, partition.attempt);
        next.obsolete.push(Obsolete { master, attempt, cause: Lsn(0) });
        next.phase = PartitionPhase::Ended(committed);
    }
    step.change(&Entity::Partition(next));
    Some(step.batch())
}

/// The partition's master has confirmed that it serves, or is dead.
#[must_use]
pub fn served(state: &ClusterState, partition: &PartitionRecord) -> Option<Batch> {
    let PartitionPhase::Committed(committed) = partition.phase else { return None };
    let mut step = Step::new(state);
    step.change(&Entity::Partition(PartitionRecord {
        phase: PartitionPhase::Ended(committed),
        ..partition.clone()
    }));
    Some(step.batch())
}

/// These attempts are forgotten by their masters, or their masters are dead.
#[must_use]
pub fn forget_attempts(state: &ClusterState, partition: &PartitionRecord, forgotten: &[Obsolete]) -> Batch {
    let mut next = partition.clone();
    next.obsolete.retain(|o| !forgotten.contains(o));
    let mut step = Step::new(state);
    step.change(&Entity::Partition(next));
    step.batch()
}

/// The dead server's replicas may be freed.
#[must_use]
pub fn release(state: &ClusterState, operation: &Operation, dead: ServerId) -> Batch {
    let mut step = Step::new(state);
    step.change(&in_phase(operation, dead, RecoverPhase::Release));
    step.batch()
}

/// Everything is recovered and freed: the server leaves the list.
#[must_use]
pub fn finish_recovery(state: &ClusterState, operation: &Operation, dead: ServerId) -> Batch {
    let of_all = |count: fn(Committed) -> u64| {
        state.partitions_of(LogId::of(dead)).filter_map(PartitionRecord::committed).map(count).sum()
    };
    let outcome = Outcome::Recovered { bytes: of_all(|c| c.bytes), objects: of_all(|c| c.objects) };
    let mut step = Step::new(state);
    remove_server(&mut step, state, dead);
    step.finish(operation, outcome);
    step.batch()
}

/// L1: without replicas (R = 0) the dead server's tablets are lost.
#[must_use]
pub fn lose_tablets(state: &ClusterState, operation: &Operation, dead: ServerId) -> Batch {
    let mut step = Step::new(state);
    let mut tablets = 0;
    for tablet in state.map().owned_by(dead) {
        let entity = id::tablet(tablet.table, tablet.range.first());
        step.read(entity).remove(entity);
        tablets += 1;
    }
    remove_server(&mut step, state, dead);
    step.finish(operation, Outcome::Lost { tablets });
    step.batch()
}

fn remove_server(step: &mut Step<'_>, state: &ClusterState, dead: ServerId) {
    let log = LogId::of(dead);
    step.change_members(state.next_server());
    step.read(id::server(dead)).remove(id::server(dead)).remove(id::log(log));
    for partition in state.partitions_of(log) {
        let entity = id::partition(log, partition.index);
        step.read(entity).remove(entity);
    }
}
