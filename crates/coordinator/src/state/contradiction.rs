//! Entities that are well by themselves and can't all be true.

use super::{ClusterState, Unreadable};
use crate::entity::{Corrupt, id};
use crate::meta::EntityId;
use std::collections::BTreeSet;

impl ClusterState {
    /// The first entity that contradicts others: a coordinator that believed both would give keys to two owners
    /// or a name to two servers.
    pub(super) fn contradiction(&self) -> Option<Unreadable> {
        let (entity, why) = self.overlap().or_else(|| self.table_twice()).or_else(|| self.server_twice())?;
        Some(Unreadable { entity, version: self.version(entity), corrupt: Corrupt::new(why, 0) })
    }

    fn overlap(&self) -> Option<(EntityId, &'static str)> {
        let pairs = self.map.tablets().zip(self.map.tablets().skip(1));
        let mut overlapping =
            pairs.filter(|(a, b)| a.table == b.table && a.range.intersection(b.range).is_some());
        let (_, second) = overlapping.next()?;
        Some((id::tablet(second.table, second.range.first()), "overlaps the tablet before it"))
    }

    fn table_twice(&self) -> Option<(EntityId, &'static str)> {
        let mut names = BTreeSet::new();
        let twice = self.map.tables().find(|table| !names.insert(table.name.clone()))?;
        Some((id::table(twice.id), "another table has its name"))
    }

    /// F6: a name is bound to one id at a time.
    fn server_twice(&self) -> Option<(EntityId, &'static str)> {
        let mut names = BTreeSet::new();
        let twice = self.list.up().find(|server| !names.insert(&server.name))?;
        Some((id::server(twice.id), "another server that is up has its name"))
    }
}
