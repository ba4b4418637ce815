//! Members come and go.

use crate::entity::{ClusterShape, Entity, OperationState, RecoverPhase, ServerRecord, id};
use crate::{Batch, ClusterState, Step};
use rekindle_types::{LogId, SegmentId, ServerEntry, ServerId, ServerStatus};

/// A process that wants to be a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newcomer {
    /// The certificate's name.
    pub name: String,
    /// Where to dial it.
    pub address: String,
    /// Failure domain.
    pub domain: String,
    /// Tells a repeated call from a restarted process.
    pub incarnation: u64,
}

/// Records what the cluster is, and the lease that is going to be granted; `None` when that was done before.
#[must_use]
pub fn found(state: &ClusterState, shape: ClusterShape, lease_ms: u32) -> Option<Batch> {
    // F3: a longer lease is recorded before it is granted. A shorter one takes nothing back: servers that were
    // renewed by an earlier coordinator may still hold theirs.
    if state.shape().is_some() && lease_ms <= state.lease_ms_max() {
        return None;
    }
    let mut step = Step::new(state);
    step.change(&Entity::Cluster { shape: state.shape().unwrap_or(shape), lease_ms_max: lease_ms });
    Some(step.batch())
}

/// Gives a newcomer the next id.
#[must_use]
pub fn enlist(state: &ClusterState, newcomer: &Newcomer) -> (ServerId, Batch) {
    let server = state.next_server();
    let entry = ServerEntry {
        id: server,
        name: newcomer.name.clone(),
        address: newcomer.address.clone(),
        domain: newcomer.domain.clone(),
        status: ServerStatus::Up,
    };
    let mut step = Step::new(state);
    step.change_members(server.next());
    step.change(&Entity::Server(ServerRecord { entry, incarnation: newcomer.incarnation }));
    // L1: tables may exist from now on.
    let up = state.servers().up().count() + 1;
    if let Some(shape) = state.shape().filter(|s| !s.is_formed && up >= s.servers_min as usize) {
        let shape = ClusterShape { is_formed: true, ..shape };
        step.change(&Entity::Cluster { shape, lease_ms_max: state.lease_ms_max() });
    }
    (server, step.batch())
}

/// Declares a server dead and adds its recovery, in one batch; `None` when it is not up.
///
/// T7: one without a first head has no tablets and leaves the list at once.
#[must_use]
pub fn declare_dead(state: &ClusterState, server: ServerId) -> Option<Batch> {
    let entry = state.servers().entry(server).filter(|s| s.status == ServerStatus::Up)?;
    let log = LogId::of(server);
    let mut step = Step::new(state);
    step.change_members(state.next_server());
    // Its first head may be on its way to being recorded: then this is decided anew.
    if state.floor(log).is_none() {
        step.read(id::log(log)).read(id::server(server)).remove(id::server(server));
        return Some(step.batch());
    }
    let entry = ServerEntry { status: ServerStatus::Dead, ..entry.clone() };
    let incarnation = state.incarnation(server).unwrap_or_default();
    step.change(&Entity::Server(ServerRecord { entry, incarnation }));
    step.begin(OperationState::Recover { server, phase: RecoverPhase::Discover }, 0);
    Some(step.batch())
}

/// Raises a log's floor; the first one records its first head (T7). `Ok(None)` when it is there already.
///
/// `Err` when the server is not up: whoever is declared dead moves no floor.
pub fn store_floor(state: &ClusterState, log: LogId, floor: SegmentId) -> Result<Option<Batch>, ServerId> {
    // H3: only from a server that is up, in the serial order of the deaths (T4), and it only grows.
    if !state.servers().is_up(log.server) {
        return Err(log.server);
    }
    if state.floor(log).is_some_and(|stored| floor <= stored) {
        return Ok(None);
    }
    let mut step = Step::new(state);
    step.read(id::server(log.server)).change(&Entity::Log { log, floor });
    Ok(Some(step.batch()))
}
