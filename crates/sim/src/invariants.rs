//! What must hold of a cluster as a whole, looked at from outside.

use crate::SimCluster;
use rekindle_types::{KeyRange, ServerId, TableId, TabletState};

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Two masters with valid leases serve one range (COO-1).
    #[error("{one} and {other} both serve {table} {range}")]
    TwoOwners {
        /// The table.
        table: TableId,
        /// What both serve.
        range: KeyRange,
        /// One of them.
        one: ServerId,
        /// The other.
        other: ServerId,
    },
    /// After everything has settled a part of a table is served by nobody, or not by whom the map says.
    #[error("{0}")]
    NotServed(String),
}

/// At every instant: no range is served by two masters within their leases.
pub fn check_single_owner(cluster: &SimCluster) -> Result<(), Violation> {
    let mut served: Vec<(TableId, KeyRange, ServerId)> = Vec::new();
    for status in cluster.statuses().values().filter(|s| s.has_lease && !s.is_removed) {
        for tablet in status.tablets.iter().filter(|t| t.serving.is_some()) {
            let clash = served.iter().find_map(|(table, range, owner)| {
                let common = range.intersection(tablet.range).filter(|_| *table == tablet.table)?;
                (*owner != status.server).then_some((common, *owner))
            });
            if let Some((range, one)) = clash {
                return Err(Violation::TwoOwners { table: tablet.table, range, one, other: status.server });
            }
            served.push((tablet.table, tablet.range, status.server));
        }
    }
    Ok(())
}

/// Once everything has settled: every tablet of the map is served, by its owner, as recorded, and R replicas of
/// everything exist.
pub fn check_settled(cluster: &SimCluster) -> Result<(), Violation> {
    check_single_owner(cluster)?;
    let fail = |what: String| Err(Violation::NotServed(what));
    let Some(state) = cluster.coordinator(|c| c.coordinator().map(|c| c.state())).flatten() else {
        return fail("no coordinator is in office".into());
    };
    let statuses = cluster.statuses();
    for tablet in state.map().tablets() {
        let owner = statuses.values().find(|s| s.server == tablet.owner && s.has_lease);
        let serves = owner.is_some_and(|s| {
            s.tablets.iter().any(|t| {
                let version = t.serving.map(|(version, _)| version);
                t.table == tablet.table && t.range == tablet.range && version == Some(tablet.version)
            })
        });
        if tablet.state != TabletState::Normal || !serves {
            return fail(format!("{tablet:?} is not served by {}", tablet.owner));
        }
    }
    if let Some(entry) = state.servers().iter().find(|entry| !state.servers().is_up(entry.id)) {
        return fail(format!("{} is dead and not recovered", entry.id));
    }
    // A zombie keeps what it has; nobody waits for it.
    for status in statuses.values().filter(|status| !status.is_removed) {
        if let Some(missing) = &status.replication.too_few {
            return fail(format!("{} lacks backups: {missing:?}", status.server));
        }
        // The head is never settled; anything else has not its R replicas yet.
        if status.replication.unsettled > 1 {
            return fail(format!(
                "{} has {} segments unsettled",
                status.server, status.replication.unsettled
            ));
        }
    }
    Ok(())
}
