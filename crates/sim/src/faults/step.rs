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
    /// So many servers are silent that nobody is declared dead (F8).
    Hold,
    /// Some server runs and is not yet, or no longer, a member that may get tablets.
    Enlisting,
    /// A server is being stopped cleanly (F9).
    Stop,
    /// A dead server's log is being discovered.
    Discover,
    /// Partitions of it are being replayed.
    Replay,
    /// What was replayed waits for the head that brings it in (H6).
    SideCommit,
    /// Some partitions are committed, others not.
    Commit,
    /// All are; its replicas are being freed.
    Release,
    /// A table is being created.
    CreateTable,
    /// One is being dropped.
    DropTable,
    /// A segment other than the head has not its R replicas.
    Restore,
    /// A head waits for the switch to it to be complete (H4).
    HeadSwitch,
    /// A head has lost a replica and is not left yet (H3, H5).
    HurtHead,
    /// The coordinator is being asked to store a floor (H3).
    Floor,
    /// A cleaner's pass is under way.
    Clean,
}

/// Whose polls may bring a step about: when to look for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LookAfter {
    /// The coordinator's.
    Coordinator,
    /// Storage servers'.
    Servers,
    /// Anybody's; it lasts, and a look now and then finds it.
    Time,
}

impl Step {
    /// Every step.
    pub const ALL: [Self; 17] = [
        Self::Quiet,
        Self::Vacant,
        Self::Hold,
        Self::Enlisting,
        Self::Stop,
        Self::Discover,
        Self::Replay,
        Self::SideCommit,
        Self::Commit,
        Self::Release,
        Self::CreateTable,
        Self::DropTable,
        Self::Restore,
        Self::HeadSwitch,
        Self::HurtHead,
        Self::Floor,
        Self::Clean,
    ];

    /// What this cluster is at.
    #[must_use]
    pub fn of(cluster: &SimCluster) -> BTreeSet<Self> {
        let some = Self::ALL.into_iter().filter(|step| *step != Self::Quiet);
        let mut steps: BTreeSet<Self> = some.filter(|step| step.is_on(cluster)).collect();
        if steps.is_empty() {
            steps.insert(Self::Quiet);
        }
        steps
    }

    /// Whether this cluster is at it.
    #[must_use]
    pub fn is_on(self, cluster: &SimCluster) -> bool {
        match self {
            Self::Quiet => Self::of(cluster).contains(&self),
            Self::Vacant => cluster.coordinator(|c| c.coordinator()).flatten().is_none(),
            Self::Stop => cluster.is_stopping(),
            Self::Hold => {
                cluster.coordinator(|c| c.coordinator()).flatten().is_some_and(|office| office.is_held())
            }
            Self::Discover
            | Self::Replay
            | Self::Commit
            | Self::Release
            | Self::CreateTable
            | Self::DropTable => {
                let office = cluster.coordinator(|c| c.coordinator()).flatten();
                office.is_some_and(|office| office.look(|state| operations(state).any(|step| step == self)))
            }
            Self::Enlisting
            | Self::SideCommit
            | Self::Restore
            | Self::HeadSwitch
            | Self::HurtHead
            | Self::Floor
            | Self::Clean => cluster.any_storage(|server| self.is_on_at(server)),
        }
    }

    /// Whether this server is at it.
    fn is_on_at(self, server: &StorageServer) -> bool {
        if self == Self::Enlisting {
            return !server.is_ready();
        }
        if server.is_removed() {
            return false;
        }
        let is_so = match self {
            Self::SideCommit => server.store().map(|store| store.log().stats().commits_waiting > 0),
            Self::Clean => server.status().map(|status| status.cleaner.under_way > 0),
            _ => server.replication().map(|replication| match self {
                Self::Restore => replication.unsettled > 1,
                Self::HeadSwitch => replication.heads_waiting > 0,
                Self::HurtHead => replication.hurt_heads > 0,
                _ => replication.is_floor_asked,
            }),
        };
        is_so == Some(true)
    }

    /// Where to look for it.
    pub(super) fn look_after(self) -> LookAfter {
        match self {
            Self::Vacant
            | Self::Discover
            | Self::Replay
            | Self::Commit
            | Self::Release
            | Self::CreateTable
            | Self::DropTable => LookAfter::Coordinator,
            Self::Stop | Self::SideCommit | Self::HeadSwitch | Self::HurtHead | Self::Floor => {
                LookAfter::Servers
            }
            _ => LookAfter::Time,
        }
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
