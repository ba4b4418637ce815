//! The tablet map: who owns which hash range of which table.

use crate::{KeyHash, KeyRange, SegmentId, ServerId, TableId, TabletVersion};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Whether a tablet can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TabletState {
    /// Its owner serves it, or will as soon as it was told.
    Normal,
    /// Its owner died; wait.
    Recovering,
}

/// A contiguous hash range of one table with one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tablet {
    /// The table.
    pub table: TableId,
    /// The hashes.
    pub range: KeyRange,
    /// The master that owns it; while `Recovering` the dead one.
    pub owner: ServerId,
    /// Number of its present ownership; every object call carries it (T5).
    pub version: TabletVersion,
    /// Whether it can be asked.
    pub state: TabletState,
    /// Creation position: entries in the owner's segments with smaller ids are not the tablet's (T2).
    pub created: SegmentId,
}

/// What one recovery master replays: pieces of the dead master's tablets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Partition {
    /// Disjoint pieces, each with the creation position on the dead master; states and versions as in the map.
    pub pieces: Vec<Tablet>,
}

impl Partition {
    /// The piece that an entry of the dead master's segment belongs to: table, hash and position fit (T2, T6).
    #[inline]
    #[must_use]
    pub fn piece_of(&self, table: TableId, hash: KeyHash, segment: SegmentId) -> Option<&Tablet> {
        self.place_of(table, hash, segment).map(|at| &self.pieces[at])
    }

    /// Where that piece is among the others.
    #[inline]
    #[must_use]
    pub fn place_of(&self, table: TableId, hash: KeyHash, segment: SegmentId) -> Option<usize> {
        let is_of = |p: &Tablet| p.table == table && p.range.contains(hash) && segment >= p.created;
        self.pieces.iter().position(is_of)
    }
}

/// A table's name and id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TableInfo {
    /// Unique among the tables that exist.
    pub name: String,
    /// Never reused.
    pub id: TableId,
}

/// Tables and their tablets. Grows in version with every change that touches it. A tablet is found under its own
/// table and first hash, in received maps too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ReceivedMap")]
pub struct TabletMap {
    /// Version of the newest change: an older map never replaces a newer one.
    pub version: TabletVersion,
    tables: BTreeMap<TableId, String>,
    tablets: BTreeMap<(TableId, KeyHash), Tablet>,
}

/// A map before it is checked.
#[derive(Deserialize)]
struct ReceivedMap {
    version: TabletVersion,
    tables: BTreeMap<TableId, String>,
    tablets: BTreeMap<(TableId, KeyHash), Tablet>,
}

impl TryFrom<ReceivedMap> for TabletMap {
    type Error = &'static str;

    fn try_from(received: ReceivedMap) -> Result<Self, Self::Error> {
        let ReceivedMap { version, tables, tablets } = received;
        let is_right = tablets.iter().all(|(place, tablet)| *place == (tablet.table, tablet.range.first()));
        is_right.then_some(Self { version, tables, tablets }).ok_or("a tablet in another's place")
    }
}

/// Tablets of tables that have no names here.
impl FromIterator<Tablet> for TabletMap {
    fn from_iter<I: IntoIterator<Item = Tablet>>(tablets: I) -> Self {
        let mut map = Self::default();
        tablets.into_iter().for_each(|tablet| map.insert(tablet));
        map
    }
}

impl TabletMap {
    /// Puts a table in.
    pub fn insert_table(&mut self, table: TableInfo) {
        self.tables.insert(table.id, table.name);
    }

    /// Takes a table and its tablets out.
    pub fn remove_table(&mut self, table: TableId) {
        self.tables.remove(&table);
        self.tablets.retain(|(t, _), _| *t != table);
    }

    /// Puts a tablet in, in place of one with the same first hash.
    pub fn insert(&mut self, tablet: Tablet) {
        self.tablets.insert((tablet.table, tablet.range.first()), tablet);
    }

    /// Takes the tablet with exactly this range out.
    pub fn remove(&mut self, table: TableId, range: KeyRange) -> Option<Tablet> {
        let key = (table, range.first());
        if self.tablets.get(&key).is_some_and(|t| t.range == range) {
            self.tablets.remove(&key)
        } else {
            None
        }
    }

    /// Takes these hashes of a table out, and gives what tablets have of them, in order. Those that reach beyond are cut.
    pub fn take(&mut self, table: TableId, range: KeyRange) -> Vec<Tablet> {
        let first = self.lookup(table, range.first()).map_or(range.first(), |tablet| tablet.range.first());
        let met = self.tablets.range((table, first)..=(table, range.last()));
        let met: Vec<Tablet> = met.map(|(_, tablet)| *tablet).collect();
        let mut taken = Vec::with_capacity(met.len());
        for tablet in met {
            let with = |range: KeyRange| Tablet { range, ..tablet };
            self.remove(table, tablet.range);
            tablet.range.without(range).into_iter().for_each(|left| self.insert(with(left)));
            taken.extend(tablet.range.intersection(range).map(with));
        }
        taken
    }

    /// The table with this name.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<TableId> {
        self.tables.iter().find(|(_, n)| *n == name).map(|(id, _)| *id)
    }

    /// The table's name, while it exists.
    #[must_use]
    pub fn table_name(&self, table: TableId) -> Option<&str> {
        self.tables.get(&table).map(String::as_str)
    }

    /// All tables, by id.
    pub fn tables(&self) -> impl Iterator<Item = TableInfo> {
        self.tables.iter().map(|(id, name)| TableInfo { id: *id, name: name.clone() })
    }

    /// The tablet that a key belongs to.
    #[must_use]
    pub fn lookup(&self, table: TableId, hash: KeyHash) -> Option<&Tablet> {
        let (_, tablet) = self.tablets.range((table, KeyHash(0))..=(table, hash)).next_back()?;
        tablet.range.contains(hash).then_some(tablet)
    }

    /// All tablets, by table and hash.
    pub fn tablets(&self) -> impl Iterator<Item = &Tablet> {
        self.tablets.values()
    }

    /// The tablets of one table, by hash.
    pub fn tablets_of(&self, table: TableId) -> impl Iterator<Item = &Tablet> {
        self.tablets.range((table, KeyHash(0))..=(table, KeyHash(u64::MAX))).map(|(_, t)| t)
    }

    /// The tablets of one owner.
    pub fn owned_by(&self, owner: ServerId) -> impl Iterator<Item = &Tablet> {
        self.tablets().filter(move |t| t.owner == owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tablet(table: u64, first: u64, last: u64) -> Tablet {
        Tablet {
            table: TableId(table),
            range: KeyRange::new(KeyHash(first), KeyHash(last)).unwrap(),
            owner: ServerId(1),
            version: TabletVersion(1),
            state: TabletState::Normal,
            created: SegmentId(0),
        }
    }

    #[test]
    fn taking_hashes_out_cuts_what_reaches_beyond() {
        let (max, all) =
            (u64::MAX, [tablet(1, 0, 9), tablet(1, 20, 29), tablet(1, 30, 39), tablet(2, 0, u64::MAX)]);
        for (first, last, taken, left) in [
            (10, 19, vec![], all.to_vec()),
            (9, 9, vec![tablet(1, 9, 9)], vec![tablet(1, 0, 8), all[1], all[2], all[3]]),
            (3, 5, vec![tablet(1, 3, 5)], vec![tablet(1, 0, 2), tablet(1, 6, 9), all[1], all[2], all[3]]),
            (
                5,
                34,
                vec![tablet(1, 5, 9), all[1], tablet(1, 30, 34)],
                vec![tablet(1, 0, 4), tablet(1, 35, 39), all[3]],
            ),
            (0, max, all[..3].to_vec(), vec![all[3]]),
            (40, max, vec![], all.to_vec()),
        ] {
            let mut map: TabletMap = all.into_iter().collect();
            let range = KeyRange::new(KeyHash(first), KeyHash(last)).unwrap();
            assert_eq!(map.take(TableId(1), range), taken, "{range:?}");
            assert_eq!(map.tablets().copied().collect::<Vec<_>>(), left, "{range:?}");
        }
    }
}
