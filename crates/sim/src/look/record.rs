//! What the coordinator has on record.

use rekindle_coordinator::{
    ClusterState,
    entity::{OperationId, OperationState, id},
};
use rekindle_types::{KeyRange, LogId, Lsn, ServerId, TableId, Tablet};
use std::collections::BTreeSet;

/// The record after a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The newest batch.
    pub last: Lsn,
    /// Tables that exist.
    pub tables: BTreeSet<TableId>,
    /// The tablet map, by table and first hash.
    pub tablets: Vec<Tablet>,
    /// Servers that are up.
    pub up: Vec<ServerId>,
    /// Servers that are dead and not recovered.
    pub unrecovered: Vec<ServerId>,
    /// Operations under way.
    pub operations: Vec<OperationLook>,
}

/// An operation under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OperationLook {
    /// Which.
    pub id: OperationId,
    /// What it changes.
    pub about: About,
    /// The newest batch about it: it moves with each.
    pub moved: Lsn,
}

/// What an operation changes. No two may change one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// A table that is made.
    Making(TableId),
    /// A table that is dropped: perhaps before it is made, and then its making comes to an end.
    Dropping(TableId),
    /// A server that is recovered.
    Server(ServerId),
}

impl Record {
    /// What this state says.
    #[must_use]
    pub fn of(state: &ClusterState) -> Self {
        let operations = state.unfinished().map(|operation| {
            let own = state.version(id::operation(operation.id));
            let (about, moved) = match &operation.state {
                OperationState::CreateTable { table, .. } => (About::Making(table.id), own),
                OperationState::DropTable { table, .. } => (About::Dropping(table.id), own),
                OperationState::Recover { server, .. } => {
                    let log = LogId::of(*server);
                    let parts = state.partitions_of(log).map(|p| state.version(id::partition(log, p.index)));
                    (About::Server(*server), parts.fold(own, Lsn::max))
                }
            };
            OperationLook { id: operation.id, about, moved }
        });
        let servers = state.servers();
        Self {
            last: state.last(),
            tables: state.map().tables().map(|table| table.id).collect(),
            tablets: state.map().tablets().copied().collect(),
            up: servers.up().map(|entry| entry.id).collect(),
            unrecovered: servers.iter().map(|entry| entry.id).filter(|id| !servers.is_up(*id)).collect(),
            operations: operations.collect(),
        }
    }

    /// The tablets that have hashes of a range.
    pub fn overlapping(&self, table: TableId, range: KeyRange) -> impl Iterator<Item = &Tablet> {
        let from = self.tablets.partition_point(|t| (t.table, t.range.last()) < (table, range.first()));
        let tablets = self.tablets[from..].iter();
        tablets.take_while(move |t| t.table == table && t.range.first() <= range.last())
    }
}
