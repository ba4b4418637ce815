//! CreateTable: the table is recorded, now its owners are told.

use super::{core::Core, engine::Step, orders::Ordered, scribe::Decision};
use crate::entity::{Operation, OperationState};
use crate::{ClusterState, Event, OrderKind, TabletGrant, change};
use futures_util::{StreamExt, stream::FuturesUnordered};
use rekindle_types::{KeyHash, Lsn, ServerId, TableId, Tablet, TabletState, TabletVersion};
use std::collections::{BTreeMap, BTreeSet};

impl Core {
    /// Tells every owner to serve; done when all have confirmed. What an owner that dies meanwhile should have
    /// served is brought back by its recovery, which tells the new owner itself.
    pub async fn create_table(&self, operation: &Operation) -> Step {
        let OperationState::CreateTable { table, .. } = &operation.state else { return Step::Done };
        let version = TabletVersion(operation.begun.0);
        let mut serving = BTreeSet::new();
        let mut changes = self.changes();
        loop {
            let orders = self.read(|state| grants(state, table.id, version, &serving));
            let mut orders: FuturesUnordered<_> = orders
                .into_iter()
                .map(|(owner, grants)| self.grant(owner, operation.begun, grants))
                .collect();
            let told = !orders.is_empty();
            while let Some(confirmed) = orders.next().await {
                serving.extend(confirmed);
            }
            if self.read(|state| is_settled(state, table.id, version, &serving)) {
                break;
            }
            if !told {
                // The next look must see every change from here on.
                changes.changed().await;
            }
        }
        let recorded = self.record(|state| Decision::Record(change::finish(state, operation), ())).await;
        if let Err(error) = recorded {
            return error.into();
        }
        self.observe(&Event::TableCreated(table.id));
        Step::Done
    }

    /// The first hashes of what the owner serves now; none when it died.
    async fn grant(&self, owner: ServerId, cause: Lsn, tablets: Vec<TabletGrant>) -> Vec<KeyHash> {
        let firsts = tablets.iter().map(|t| t.range.first()).collect();
        match self.insist(owner, OrderKind::Serve { cause, tablets }).await {
            Ordered::Done(_) | Ordered::Superseded => firsts,
            _ => Vec::new(),
        }
    }
}

/// What is still to be told, by owner.
fn grants(
    state: &ClusterState,
    table: TableId,
    version: TabletVersion,
    serving: &BTreeSet<KeyHash>,
) -> BTreeMap<ServerId, Vec<TabletGrant>> {
    let mut grants: BTreeMap<ServerId, Vec<TabletGrant>> = BTreeMap::new();
    let new = state.map().tablets_of(table).filter(|t| t.version == version);
    for tablet in new.filter(|t| state.servers().is_up(t.owner) && !serving.contains(&t.range.first())) {
        let Tablet { table, range, version, created, .. } = *tablet;
        let grant = TabletGrant { table, range, version, created, replayed: None };
        grants.entry(tablet.owner).or_default().push(grant);
    }
    grants
}

/// Whether every tablet is served, by its first owner or by one that recovered it; a table that was dropped
/// meanwhile has none.
fn is_settled(
    state: &ClusterState,
    table: TableId,
    version: TabletVersion,
    serving: &BTreeSet<KeyHash>,
) -> bool {
    let recovering: BTreeSet<KeyHash> = state
        .partitions()
        .filter(|p| !p.is_ended())
        .flat_map(|p| p.pieces.iter())
        .filter(|piece| piece.table == table)
        .map(|piece| piece.range.first())
        .collect();
    state.map().tablets_of(table).all(|t| {
        let first = t.range.first();
        let told = if t.version == version { serving.contains(&first) } else { !recovering.contains(&first) };
        told && t.state == TabletState::Normal && state.servers().is_up(t.owner)
    })
}
