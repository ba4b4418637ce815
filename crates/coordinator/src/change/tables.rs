//! Tables come and go.

use crate::entity::{Entity, Operation, OperationId, OperationState, Outcome, id};
use crate::{Batch, ClusterState, Step};
use rekindle_types::{
    KeyRange, Refusal, SegmentId, ServerId, TableId, TableInfo, Tablet, TabletState, TabletVersion,
};
use std::collections::BTreeMap;

/// Most tablets that a table can be made with.
pub const TABLETS_MAX: u32 = 1 << 14;

/// Puts a table in the map, its tablets spread evenly, and adds the operation that tells the owners.
pub fn create_table(state: &ClusterState, name: &str, tablets: u32) -> Result<(OperationId, Batch), Refusal> {
    if state.map().table(name).is_some() {
        return Err(Refusal::TableExists(name.to_owned()));
    }
    // L1: no table exists before as many servers have enlisted as the cluster was made for.
    let shape = state.shape().filter(|s| s.is_formed);
    let have = u32::try_from(state.servers().up().count()).unwrap_or(u32::MAX);
    if shape.is_none() {
        let need = state.shape().map_or(1, |s| s.servers_min);
        return Err(Refusal::TooFewServers { have, need });
    }
    let owners = spread(state, tablets);
    if owners.is_empty() {
        let reason = "no server has its first head recorded".to_owned();
        return Err(Refusal::Retry { after_ms: 50, reason });
    }
    let table = TableInfo { name: name.to_owned(), id: state.next_table() };
    let mut step = Step::new(state);
    let operation = step.begin(OperationState::CreateTable { table: table.clone(), tablets }, 1);
    step.change(&Entity::Table(table.clone()));
    for (range, owner) in KeyRange::FULL.split_even(tablets).into_iter().zip(&owners) {
        let (version, created) = (TabletVersion(0), SegmentId(0));
        let state = TabletState::Normal;
        step.change(&Entity::Tablet(Tablet {
            table: table.id,
            range,
            owner: *owner,
            version,
            state,
            created,
        }));
    }
    // T7, T4: every owner is up and has its first head when the batch is recorded.
    let distinct: std::collections::BTreeSet<_> = owners.into_iter().collect();
    for owner in distinct {
        step.read(id::server(owner));
    }
    Ok((operation, step.batch()))
}

/// An owner for each tablet, so that in the end nobody has much more than others.
fn spread(state: &ClusterState, tablets: u32) -> Vec<ServerId> {
    let mut load: BTreeMap<ServerId, usize> = state.placeable().map(|s| (s.id, 0)).collect();
    for tablet in state.map().tablets() {
        load.entry(tablet.owner).and_modify(|n| *n += 1);
    }
    let mut queue: std::collections::BTreeSet<(usize, ServerId)> =
        load.into_iter().map(|(s, n)| (n, s)).collect();
    let take = |_| {
        let (n, server) = queue.pop_first()?;
        queue.insert((n + 1, server));
        Some(server)
    };
    (0..tablets).map_while(take).collect()
}

/// T8: takes a table out of the map, and adds the operation that tells its owners. Only this very one: another that has
/// its name by now is not what the caller meant.
pub fn drop_table(state: &ClusterState, name: &str, table: TableId) -> Result<(OperationId, Batch), Refusal> {
    if state.map().table(name) != Some(table) {
        return Err(Refusal::NoSuchTable(name.to_owned()));
    }
    let info = TableInfo { name: name.to_owned(), id: table };
    let mut step = Step::new(state);
    let tablets: Vec<&Tablet> = state.map().tablets_of(table).collect();
    let owners = tablets.iter().map(|t| (t.owner, t.range)).collect();
    let operation = step.begin(OperationState::DropTable { table: info, owners }, 0);
    for tablet in tablets {
        let entity = id::tablet(table, tablet.range.first());
        step.read(entity).remove(entity);
    }
    step.read(id::table(table)).remove(id::table(table));
    Ok((operation, step.batch()))
}

/// Ends an operation on a table.
#[must_use]
pub fn finish(state: &ClusterState, operation: &Operation) -> Batch {
    let mut step = Step::new(state);
    step.finish(operation, Outcome::Done);
    step.batch()
}
