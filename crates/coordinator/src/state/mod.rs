//! What the coordinator knows for sure: the entities of the meta log, in the shape that decisions need.

mod contradiction;
mod history;
mod operations;
mod step;

pub use step::Step;

use crate::entity::{ClusterShape, Corrupt, Entity, Operation, OperationId, PartitionRecord, kind};
use crate::meta::{EntityId, Opened, Record, StoredEntity};
use history::History;
use rekindle_types::{
    KeyHash, ListUpdate, ListVersion, LogId, Lsn, PartitionIndex, SegmentId, ServerEntry, ServerId,
    ServerList, TableId, TabletMap, TabletVersion,
};
use std::collections::BTreeMap;

/// The recorded state, rebuilt from entities alone: what a restarted coordinator sees is what this one sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterState {
    last: Lsn,
    versions: BTreeMap<EntityId, Lsn>,
    shape: Option<ClusterShape>,
    lease_ms_max: u32,
    next_server: ServerId,
    next_table: TableId,
    next_operation: OperationId,
    incarnations: BTreeMap<ServerId, u64>,
    list: ServerList,
    history: History,
    floors: BTreeMap<LogId, SegmentId>,
    map: TabletMap,
    operations: BTreeMap<OperationId, Operation>,
    partitions: BTreeMap<(LogId, PartitionIndex), PartitionRecord>,
}

/// An entity that can't be read, or that contradicts others: the coordinator does not start on it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entity {entity} of {version}: {corrupt}")]
pub struct Unreadable {
    /// Which.
    pub entity: EntityId,
    /// The batch that wrote it.
    pub version: Lsn,
    /// What is wrong with it.
    pub corrupt: Corrupt,
}

impl ClusterState {
    /// The state that a reign starts with.
    pub fn rebuild(opened: &Opened) -> Result<Self, Unreadable> {
        let first = |n| (ServerId(n), TableId(n), OperationId(n));
        let (next_server, next_table, next_operation) = first(1);
        let mut state = Self { next_server, next_table, next_operation, ..Self::default() };
        let mut servers = Vec::new();
        for stored in &opened.entities {
            state.take(stored, &mut servers)?;
        }
        // The newest change may have been a removal, of which nothing is left.
        state.map.version = TabletVersion(opened.last.0);
        let version = ListVersion(state.version(crate::entity::id::MEMBERS).0);
        state.list = ServerList::new(version, state.next_server, servers.into_iter().filter_map(|(_, s)| s));
        state.last = opened.last;
        state.contradiction().map_or(Ok(state), Err)
    }

    /// Takes the batch in that was recorded as `lsn`.
    pub fn apply(&mut self, lsn: Lsn, records: &[Record]) -> Result<(), Unreadable> {
        let mut servers = Vec::new();
        for record in records {
            match &record.state {
                Some(bytes) => {
                    let stored = StoredEntity { entity: record.entity, version: lsn, state: bytes.clone() };
                    self.take(&stored, &mut servers)?;
                }
                None => self.remove(record.entity, &mut servers),
            }
            if matches!(record.entity.kind, kind::TABLE | kind::TABLET) {
                self.map.version = TabletVersion(lsn.0);
            }
        }
        if !servers.is_empty() {
            self.change_list(ListVersion(lsn.0), servers);
        }
        self.last = lsn;
        Ok(())
    }

    fn take(&mut self, stored: &StoredEntity, servers: &mut ServerChanges) -> Result<(), Unreadable> {
        let entity = Entity::read(stored).map_err(|corrupt| Unreadable {
            entity: stored.entity,
            version: stored.version,
            corrupt,
        })?;
        self.versions.insert(stored.entity, stored.version);
        match entity {
            Entity::Cluster { shape, lease_ms_max } => {
                (self.shape, self.lease_ms_max) = (Some(shape), lease_ms_max);
            }
            Entity::Members { next_server } => self.next_server = next_server,
            Entity::Counters { next_table, next_operation } => {
                (self.next_table, self.next_operation) = (next_table, next_operation);
            }
            Entity::Server(server) => {
                self.incarnations.insert(server.entry.id, server.incarnation);
                servers.push((server.entry.id, Some(server.entry)));
            }
            Entity::Log { log, floor } => drop(self.floors.insert(log, floor)),
            Entity::Table(table) => self.map.insert_table(table),
            Entity::Tablet(tablet) => self.map.insert(tablet),
            Entity::Operation(operation) => drop(self.operations.insert(operation.id, operation)),
            Entity::Partition(partition) => {
                self.partitions.insert((partition.crashed, partition.index), partition);
            }
        }
        Ok(())
    }

    fn remove(&mut self, entity: EntityId, servers: &mut ServerChanges) {
        self.versions.remove(&entity);
        let EntityId { kind, first, second } = entity;
        match kind {
            kind::SERVER => {
                self.incarnations.remove(&ServerId(first));
                servers.push((ServerId(first), None));
            }
            kind::LOG => {
                let log = |log: &LogId| crate::entity::id::log(*log) == entity;
                self.floors.retain(|l, _| !log(l));
            }
            kind::TABLE => self.map.remove_table(TableId(first)),
            kind::TABLET => {
                let tablet = self.map.lookup(TableId(first), KeyHash(second)).copied();
                if let Some(tablet) = tablet.filter(|t| t.range.first() == KeyHash(second)) {
                    self.map.remove(tablet.table, tablet.range);
                }
            }
            kind::OPERATION => drop(self.operations.remove(&OperationId(first))),
            kind::PARTITION => {
                self.partitions
                    .retain(|(log, index), _| crate::entity::id::partition(*log, *index) != entity);
            }
            _ => {}
        }
    }

    fn change_list(&mut self, to: ListVersion, changes: ServerChanges) {
        let from = self.list.version();
        let update = ListUpdate::Increment { from, to, next_id: self.next_server, changes: changes.clone() };
        self.list.apply(&update).expect("increments of our own fit");
        self.history.push(from, changes);
    }

    /// The last batch taken in.
    #[must_use]
    pub fn last(&self) -> Lsn {
        self.last
    }

    /// The batch that changed the entity last; zero when there is none (T4).
    #[must_use]
    pub fn version(&self, entity: EntityId) -> Lsn {
        self.versions.get(&entity).copied().unwrap_or_default()
    }

    /// What was decided when the cluster was made.
    #[must_use]
    pub fn shape(&self) -> Option<ClusterShape> {
        self.shape
    }

    /// The longest lease that any coordinator of this cluster has granted (F3).
    #[must_use]
    pub fn lease_ms_max(&self) -> u32 {
        self.lease_ms_max
    }

    /// All servers that are up, or dead and not recovered.
    #[must_use]
    pub fn servers(&self) -> &ServerList {
        &self.list
    }

    /// Tables and tablets.
    #[must_use]
    pub fn map(&self) -> &TabletMap {
        &self.map
    }

    /// The floor of a log whose first head is recorded (H3, T7).
    #[must_use]
    pub fn floor(&self, log: LogId) -> Option<SegmentId> {
        self.floors.get(&log).copied()
    }

    /// What a process drew when it enlisted.
    #[must_use]
    pub fn incarnation(&self, server: ServerId) -> Option<u64> {
        self.incarnations.get(&server).copied()
    }

    /// The id that the next server gets.
    #[must_use]
    pub fn next_server(&self) -> ServerId {
        self.next_server
    }

    /// The id that the next table gets.
    #[must_use]
    pub fn next_table(&self) -> TableId {
        self.next_table
    }

    /// The id that the next operation gets.
    #[must_use]
    pub fn next_operation(&self) -> OperationId {
        self.next_operation
    }

    /// What changed in the list since `have`: increments while they are remembered, else all of it.
    #[must_use]
    pub fn list_since(&self, have: ListVersion) -> Option<ListUpdate> {
        if have >= self.list.version() {
            return None;
        }
        let changes = self.history.since(have);
        Some(changes.map_or_else(
            || ListUpdate::Full(self.list.clone()),
            |changes| ListUpdate::Increment {
                from: have,
                to: self.list.version(),
                next_id: self.list.next_id(),
                changes,
            },
        ))
    }

    /// Servers on which tablets may be placed: up, and the first head of their log is recorded (T7).
    pub fn placeable(&self) -> impl Iterator<Item = &ServerEntry> {
        self.list.up().filter(|s| self.floors.contains_key(&LogId::of(s.id)))
    }
}

/// New states of servers; `None` for one that left the list.
type ServerChanges = Vec<(ServerId, Option<ServerEntry>)>;
