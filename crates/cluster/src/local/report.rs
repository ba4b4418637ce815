//! How a process says that it is.

use crate::server::StorageStatus;
use rekindle_backup::{BackupStats, replicator::ReplicationStats};
use rekindle_coordinator::{Coordinator, entity::Operation};
use rekindle_log::{LogStats, cleaner::CleanerStats, store::Store};
use rekindle_types::{
    KeyRange, ListVersion, ServerEntry, ServerId, ServerStatus, TableId, TableInfo, Tablet, TabletVersion,
    Term,
};
use serde::{Deserialize, Serialize};

/// A snapshot of a process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeReport {
    /// Of a coordinator.
    Coordinator(CoordinatorReport),
    /// Of a storage server.
    Storage(StorageReport),
}

/// A coordinator's reign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoordinatorReport {
    /// Which.
    pub term: Term,
    /// Too many servers are silent at once: no server is declared dead, nothing is planned (F8).
    pub is_held: bool,
    /// How many deaths the cluster bears now, and what to do about it (L1).
    pub resilience: String,
    /// Deaths at once without a loss (L1).
    pub failures_at_once: u32,
    /// Servers that are up, or dead and not yet recovered.
    pub servers: Vec<ServerReport>,
    /// Tables.
    pub tables: Vec<TableInfo>,
    /// Their tablets.
    pub tablets: Vec<Tablet>,
    /// Operations under way, and those whose outcome is kept.
    pub operations: Vec<OperationReport>,
}

/// A server, as the coordinator has it on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerReport {
    /// Its id.
    pub id: ServerId,
    /// Its name.
    pub name: String,
    /// Where others dial it.
    pub address: String,
    /// Declared dead.
    pub is_dead: bool,
    /// Its first head is recorded: tablets may come (T7).
    pub is_placeable: bool,
}

/// A change of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationReport {
    /// Its number.
    pub id: u64,
    /// What it does and how far it is, in words.
    pub what: String,
    /// Whether it is over.
    pub is_over: bool,
}

/// A storage server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StorageReport {
    /// Its id.
    pub server: ServerId,
    /// Its first head is recorded: tablets may come (T7).
    pub is_ready: bool,
    /// Declared dead.
    pub is_removed: bool,
    /// No service task is stuck (F7).
    pub is_alive: bool,
    /// Highest term seen.
    pub term: Term,
    /// Newest list seen.
    pub list: ListVersion,
    /// Whether it may serve just now (F2).
    pub has_lease: bool,
    /// For how long, without another renewal.
    pub lease_left_ms: u64,
    /// Renewals sent so far.
    pub renewals_sent: u64,
    /// Renewals answered so far.
    pub renewals_answered: u64,
    /// Tablets served or being taken.
    pub tablets: Vec<TabletReport>,
    /// Replays that it was told to do, the newest attempt of each partition.
    pub replays: usize,
    /// Objects in memory.
    pub objects: u64,
    /// Bytes of the entries of all objects that are alive.
    pub object_bytes: u64,
    /// Requests that wait for durability.
    pub waiting: u32,
    /// Its log.
    pub log: LogReport,
    /// Its cleaner.
    pub cleaner: CleanerReport,
    /// Its replicas elsewhere.
    pub replication: ReplicationReport,
    /// The replicas of others that it keeps.
    pub backup: BackupReport,
    /// What is too little about its settings, and what to do about it (L3).
    pub shortage: Option<String>,
}

/// A tablet on its master.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TabletReport {
    /// The table.
    pub table: TableId,
    /// Its hashes.
    pub range: KeyRange,
    /// Its version when it is served, `None` while it is being taken.
    pub serving: Option<TabletVersion>,
}

/// A log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogReport {
    /// Segments with memory.
    pub segments: u32,
    /// Most of them.
    pub segments_max: u32,
    /// Heads behind the current one.
    pub heads_waiting: usize,
    /// Bytes of live entries.
    pub live_bytes: u64,
}

/// What a cleaner has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CleanerReport {
    /// Passes that were committed.
    pub passes: u64,
    /// Segments that have left the log by them.
    pub victims: u64,
    /// Segments that have come instead.
    pub survivors: u64,
    /// Bytes of entries that were moved.
    pub moved_bytes: u64,
    /// Segments moved for each one that was won; nothing before one was.
    pub cost: Option<f64>,
}

/// Replicas of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicationReport {
    /// Segments known.
    pub segments: usize,
    /// Segments short of replicas, or with replicas to be dropped.
    pub unsettled: usize,
    /// Replicas lost so far (P1).
    pub lost: u64,
    /// Replicas re-created so far (P2).
    pub recreated: u64,
    /// Opens that a backup had no room for.
    pub rejected: u64,
    /// Heads that lost a replica so far (H3).
    pub hurt: u64,
    /// Nothing can become durable for want of backups.
    pub has_too_few_backups: bool,
}

/// A backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupReport {
    /// Replicas that it can hold.
    pub frames: u64,
    /// Replicas held.
    pub frames_used: u64,
    /// Replicas open.
    pub open: u64,
    /// Bytes held.
    pub bytes: u64,
    /// It refuses to vouch for what it holds.
    pub is_poisoned: bool,
}

impl CoordinatorReport {
    /// Looks at the record.
    #[must_use]
    pub fn of(coordinator: &Coordinator) -> Self {
        let (is_held, resilience) = (coordinator.is_held(), coordinator.resilience());
        coordinator.look(|state| {
            let placeable: Vec<ServerId> = state.placeable().map(|entry| entry.id).collect();
            Self {
                term: coordinator.term(),
                is_held,
                resilience: resilience.to_string(),
                failures_at_once: resilience.failures_at_once(),
                servers: state.servers().iter().map(|entry| ServerReport::of(entry, &placeable)).collect(),
                tables: state.map().tables().collect(),
                tablets: state.map().tablets().copied().collect(),
                operations: state.operations().map(OperationReport::of).collect(),
            }
        })
    }
}

impl ServerReport {
    fn of(entry: &ServerEntry, placeable: &[ServerId]) -> Self {
        Self {
            id: entry.id,
            name: entry.name.clone(),
            address: entry.address.clone(),
            is_dead: entry.status == ServerStatus::Dead,
            is_placeable: placeable.contains(&entry.id),
        }
    }
}

impl OperationReport {
    fn of(operation: &Operation) -> Self {
        let what = match &operation.outcome {
            None => format!("{:?}", operation.state),
            Some(outcome) => format!("{:?}: {outcome:?}", operation.state),
        };
        Self { id: operation.id.0, what, is_over: operation.outcome.is_some() }
    }
}

impl StorageReport {
    /// From the two halves of a server. Counting the objects takes a walk over the index.
    #[must_use]
    pub fn of(status: &StorageStatus, backup: &BackupStats, store: &Store) -> Self {
        let tablets = status.tablets.iter();
        let bytes = tablets.map(|tablet| store.tablet_stat(tablet.table, tablet.range).bytes);
        let tablets = status.tablets.iter().map(|tablet| TabletReport {
            table: tablet.table,
            range: tablet.range,
            serving: tablet.serving.map(|(version, _)| version),
        });
        Self {
            server: status.server,
            is_ready: status.is_ready,
            is_removed: status.is_removed,
            is_alive: status.is_alive,
            term: status.term,
            list: status.list,
            has_lease: status.has_lease,
            lease_left_ms: u64::try_from(status.lease_left.as_millis()).unwrap_or(u64::MAX),
            renewals_sent: status.renewals_sent,
            renewals_answered: status.renewals_answered,
            tablets: tablets.collect(),
            replays: status.replays.len(),
            objects: store.objects(),
            object_bytes: bytes.sum(),
            waiting: status.waiting,
            log: LogReport::of(&status.log),
            cleaner: CleanerReport::of(&status.cleaner),
            replication: ReplicationReport::of(&status.replication),
            backup: BackupReport::of(backup),
            shortage: status.frame_shortage.map(|shortage| shortage.to_string()),
        }
    }
}

impl LogReport {
    fn of(log: &LogStats) -> Self {
        Self {
            segments: log.segments,
            segments_max: log.segments_max,
            heads_waiting: log.heads_waiting,
            live_bytes: log.live_bytes,
        }
    }
}

impl CleanerReport {
    fn of(cleaner: &CleanerStats) -> Self {
        let CleanerStats { passes, victims, survivors, moved_bytes, .. } = *cleaner;
        Self { passes, victims, survivors, moved_bytes, cost: cleaner.cost() }
    }
}

impl ReplicationReport {
    fn of(stats: &ReplicationStats) -> Self {
        Self {
            segments: stats.segments,
            unsettled: stats.unsettled,
            lost: stats.lost,
            recreated: stats.recreated,
            rejected: stats.rejected,
            hurt: stats.hurt,
            has_too_few_backups: stats.too_few.is_some(),
        }
    }
}

impl BackupReport {
    fn of(stats: &BackupStats) -> Self {
        Self {
            frames: stats.frames,
            frames_used: stats.frames_used,
            open: stats.open,
            bytes: stats.bytes,
            is_poisoned: stats.is_poisoned,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_types::{SegmentId, TabletState};

    #[test]
    fn reports_come_back_from_their_lines() {
        let (id, table) = (ServerId(3), TableId(1));
        let tablet = Tablet {
            table,
            range: KeyRange::FULL,
            owner: id,
            version: TabletVersion(9),
            state: TabletState::Recovering,
            created: SegmentId(2),
        };
        let entry = ServerEntry::up(id, "server-0");
        let report = NodeReport::Coordinator(CoordinatorReport {
            term: Term(2),
            is_held: true,
            resilience: "1 server is up".into(),
            failures_at_once: 0,
            servers: vec![ServerReport::of(&entry, &[id])],
            tables: vec![TableInfo { name: "t".into(), id: table }],
            tablets: vec![tablet],
            operations: vec![OperationReport { id: 1, what: "recovers".into(), is_over: false }],
        });
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<NodeReport>(&json).unwrap(), report);
    }
}
