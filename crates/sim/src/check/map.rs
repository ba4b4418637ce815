//! Does the map name what there is?

use crate::look::Record;
use rekindle_types::{SegmentId, TableId, Tablet, TabletState, TabletVersion};
use std::collections::BTreeMap;

/// An entry of the map that can't be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongEntry {
    /// T1: what was dropped is not recovered.
    #[error("{0:?} is of a table that is gone")]
    NoTable(Tablet),
    /// T2: without a position what its master wrote in an earlier life of the range comes back when that dies. It takes a
    /// rare story for anybody to see it.
    #[error("{0:?} was taken over without a position")]
    NoPosition(Tablet),
}

/// Checks what is on record once everything has settled. The oldest version of a table's tablets is taken for that with
/// which it was made.
///
/// # Errors
/// The first entry that can't be.
pub fn check_map(record: &Record) -> Result<(), WrongEntry> {
    let mut made: BTreeMap<TableId, TabletVersion> = BTreeMap::new();
    for tablet in &record.tablets {
        if !record.tables.contains(&tablet.table) {
            return Err(WrongEntry::NoTable(*tablet));
        }
        let first = made.entry(tablet.table).or_insert(tablet.version);
        *first = tablet.version.min(*first);
    }
    let was_taken = |t: &&Tablet| t.version > made[&t.table] && t.state == TabletState::Normal;
    match record.tablets.iter().filter(was_taken).find(|tablet| tablet.created == SegmentId(0)) {
        Some(tablet) => Err(WrongEntry::NoPosition(*tablet)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_types::{KeyRange, ServerId};

    #[test]
    fn entries_without_table_or_position_are_found() {
        let halves = KeyRange::FULL.split_even(2);
        let tablet = |half: usize, version, created| Tablet {
            table: TableId(1),
            range: halves[half],
            owner: ServerId(1),
            version: TabletVersion(version),
            state: TabletState::Normal,
            created: SegmentId(created),
        };
        let record = |tables: &[u64], taken| Record {
            tables: tables.iter().map(|table| TableId(*table)).collect(),
            tablets: vec![tablet(0, 3, 0), taken],
            ..Record::default()
        };
        assert_eq!(check_map(&record(&[1], tablet(1, 7, 4))), Ok(()));
        assert_eq!(check_map(&record(&[2], tablet(1, 7, 4))), Err(WrongEntry::NoTable(tablet(0, 3, 0))));
        assert_eq!(check_map(&record(&[1], tablet(1, 7, 0))), Err(WrongEntry::NoPosition(tablet(1, 7, 0))));
    }
}
