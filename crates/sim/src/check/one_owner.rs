//! Does every range of keys have one owner at most?

use crate::look::Look;
use rekindle_types::{KeyRange, ServerId, TableId};

/// A range that one too many takes itself to own (COO-1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TwoOwners {
    /// Two masters within their leases serve it.
    #[error("{one} and {other} both serve {table} {range}")]
    BothServe {
        /// The table.
        table: TableId,
        /// What both serve.
        range: KeyRange,
        /// One of them.
        one: ServerId,
        /// The other.
        other: ServerId,
    },
    /// A master within its lease serves it, and by the record it is another's.
    #[error("{server} serves {table} {range}, which is {owner}'s by the record")]
    NotTheOwner {
        /// The table.
        table: TableId,
        /// What it serves.
        range: KeyRange,
        /// The master.
        server: ServerId,
        /// Whose it is.
        owner: ServerId,
    },
}

/// Checks one look.
///
/// # Errors
/// The first range with two owners.
pub fn check_one_owner(look: &Look) -> Result<(), TwoOwners> {
    let mut served: Vec<(TableId, KeyRange, ServerId)> = Vec::new();
    for server in look.servers.iter().filter(|server| server.may_serve) {
        served.extend(server.serving().map(|(t, _)| (t.table, t.range, server.server)));
    }
    // By table and first hash: whatever overlaps is next to each other, or with something in between.
    served.sort_unstable_by_key(|(table, range, server)| (*table, range.first(), *server));
    for pair in served.windows(2) {
        let [(table, range, one), (other_table, other_range, other)] = *pair else {
            unreachable!("windows of two")
        };
        let common = range.intersection(other_range).filter(|_| table == other_table && one != other);
        if let Some(range) = common {
            return Err(TwoOwners::BothServe { table, range, one, other });
        }
    }
    let Some(record) = &look.record else { return Ok(()) };
    for (table, range, server) in served {
        // A table that was dropped has no owner; who served it is told, or waited for (T8).
        let other = record.overlapping(table, range).find(|tablet| tablet.owner != server);
        if let Some((tablet, range)) = other.and_then(|t| Some((t, t.range.intersection(range)?))) {
            return Err(TwoOwners::NotTheOwner { table, range, server, owner: tablet.owner });
        }
    }
    Ok(())
}
