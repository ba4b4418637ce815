//! What the cluster is at when a fault strikes.

use crate::SimCluster;
use rekindle_cluster::server::StorageServer;
use rekindle_coordinator::{
    ClusterState,
    entity::{OperationState, RecoverPhase},
};
use std::{collections::BTreeSet, fmt};

/// A step of one of the protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// None of the others.
    Quiet,
    /// No coordinator is in office.
    Vacant,
    /// Some server runs and is not yet, or no longer, a member that may get tablets.
    Enlisting,
    /// A dead server's log is being discovered.
    Discover,
    /// Partitions of it are being replayed.
    Replay,
    /// Some are committed, others not.
    Commit,
    /// All are; its replicas are being freed.
    Release,
    /// A table is being created.
    CreateTable,
    /// One is being dropped.
    DropTable,
    /// A segment other than the head has not its R replicas.
    Restore,
}

impl Step {
    /// Every step.
    pub const ALL: [Self; 10] = [
        Self::Quiet,
        Self::Vacant,
        Self::Enlisting,
        Self::Discover,
        Self::Replay,
        Self::Commit,
        Self::Release,
        Self::CreateTable,
        Self::DropTable,
        Self::Restore,
    ];

    /// What this cluster is at.
    #[must_use]
    pub fn of(cluster: &SimCluster) -> BTreeSet<Self> {
        let mut steps = BTreeSet::new();
        let office = cluster.coordinator(|c| c.coordinator()).flatten();
        match office {
            Some(office) => office.look(|state| steps.extend(operations(state))),
            None => drop(steps.insert(Self::Vacant)),
        }
        for server in cluster.running() {
            if cluster.storage(server, StorageServer::is_ready) != Some(true) {
                steps.insert(Self::Enlisting);
            }
        }
        for status in cluster.statuses().values().filter(|status| !status.is_removed) {
            if status.replication.unsettled > 1 {
                steps.insert(Self::Restore);
            }
        }
        if steps.is_empty() {
            steps.insert(Self::Quiet);
        }
        steps
    }
}

fn operations(state: &ClusterState) -> impl Iterator<Item = Step> + '_ {
    state.unfinished().map(|operation| match &operation.state {
        OperationState::CreateTable { .. } => Step::CreateTable,
        OperationState::DropTable { .. } => Step::DropTable,
        OperationState::Recover { phase: RecoverPhase::Discover, .. } => Step::Discover,
        OperationState::Recover { phase: RecoverPhase::Release, .. } => Step::Release,
        OperationState::Recover { server, phase: RecoverPhase::Replay } => {
            let log = rekindle_types::LogId::of(*server);
            let has_committed = state.partitions_of(log).any(|partition| partition.is_committed());
            if has_committed { Step::Commit } else { Step::Replay }
        }
    })
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
