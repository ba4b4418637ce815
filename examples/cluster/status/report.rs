//! What is shown of a cluster, as text or as JSON.

use rekindle::{
    cluster::local::ClusterRecord,
    types::{
        ClusterStatus, MemberStatus, PartitionProgress, RecoveryPhase, RecoveryStatus, ServerId,
        ServerStatus, TabletState,
    },
};
use serde::Serialize;

/// A cluster.
#[derive(Clone, Debug, Serialize)]
pub struct StatusReport {
    /// Its id.
    pub cluster: String,
    pub coordinators: Vec<String>,
    /// The coordinator's reign.
    pub term: u64,
    /// Too many servers are silent at once: nothing is declared dead.
    pub is_held: bool,
    pub replicas: u32,
    /// Deaths, one after another, from which it recovers by itself.
    pub failures: u32,
    /// Deaths at once without a loss.
    pub failures_at_once: u32,
    pub advice: String,
    pub servers: Vec<ServerReport>,
    pub tables: Vec<TableReport>,
    pub recoveries: Vec<RecoveryReport>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ServerReport {
    pub name: String,
    pub id: u64,
    pub address: String,
    /// `up`, `joining` (no tablets yet) or `dead` (being recovered).
    pub state: &'static str,
    /// Milliseconds since its last renewal.
    pub lease_age_ms: Option<u64>,
    pub memory_bytes: Option<u64>,
    pub memory_used_bytes: Option<u64>,
    /// Used of all memory, 0 to 1.
    pub utilisation: Option<f64>,
    /// Segment replicas that its backup has room for.
    pub backup_frames: Option<u64>,
    pub backup_frames_used: Option<u64>,
    pub tablets: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct TableReport {
    pub name: String,
    pub id: u64,
    pub tablets: Vec<TabletReport>,
}

#[derive(Clone, Debug, Serialize)]
pub struct TabletReport {
    /// First and last key hash, hexadecimal.
    pub first: String,
    pub last: String,
    /// Name of the owner, or its id when it is gone.
    pub owner: String,
    /// `served` or `recovering`.
    pub state: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub struct RecoveryReport {
    /// Who died: its name, or its id.
    pub server: String,
    pub id: u64,
    /// `discovering`, `replaying` or `releasing`.
    pub phase: &'static str,
    /// Bytes of all partitions, once planned.
    pub bytes: u64,
    /// Of these, in memory again.
    pub bytes_replayed: u64,
    pub partitions: Vec<PartitionReport>,
}

#[derive(Clone, Debug, Serialize)]
pub struct PartitionReport {
    pub index: u32,
    /// Who replays it: its name, or its id.
    pub master: String,
    pub attempt: u32,
    pub bytes: u64,
    /// Of these, in memory again.
    pub bytes_replayed: u64,
    /// `replaying`, `replayed`, `committed` or `served`.
    pub state: &'static str,
}

impl StatusReport {
    pub fn new(record: &ClusterRecord, status: &ClusterStatus) -> Self {
        let mut servers: Vec<_> = status.servers.iter().map(|member| server(status, member)).collect();
        servers.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        Self {
            cluster: format!("{:032x}", record.cluster.0),
            coordinators: record.coordinators.clone(),
            term: status.term.0,
            is_held: status.is_held,
            replicas: status.replicas,
            failures: status.failures,
            failures_at_once: status.failures_at_once,
            advice: status.advice.clone(),
            servers,
            tables: tables(status),
            recoveries: status.recoveries.iter().map(|recovery| self::recovery(status, recovery)).collect(),
        }
    }
}

fn name(status: &ClusterStatus, id: ServerId) -> String {
    let member = status.servers.iter().find(|member| member.entry.id == id);
    member.map_or_else(|| id.to_string(), |member| member.entry.name.clone())
}

fn server(status: &ClusterStatus, member: &MemberStatus) -> ServerReport {
    let room = member.room.filter(|room| room.memory_total_bytes > 0);
    let memory_used = room.map(|room| room.memory_total_bytes.saturating_sub(room.memory_free_bytes));
    let utilisation = room.zip(memory_used).map(|(room, used)| used as f64 / room.memory_total_bytes as f64);
    ServerReport {
        name: member.entry.name.clone(),
        id: member.entry.id.0,
        address: member.entry.address.clone(),
        state: match (member.entry.status, member.is_placeable) {
            (ServerStatus::Dead, _) => "dead",
            (ServerStatus::Up, true) => "up",
            (ServerStatus::Up, false) => "joining",
        },
        lease_age_ms: member.renewed_ms_ago,
        memory_bytes: room.map(|room| room.memory_total_bytes),
        memory_used_bytes: memory_used,
        utilisation: utilisation.map(|share| (share * 1e4).round() / 1e4),
        backup_frames: room.map(|room| room.frames_total),
        backup_frames_used: room.map(|room| room.frames_total.saturating_sub(room.frames_free)),
        tablets: status.tablets.iter().filter(|tablet| tablet.owner == member.entry.id).count(),
    }
}

fn tables(status: &ClusterStatus) -> Vec<TableReport> {
    let tablets = |id| {
        let of_table = status.tablets.iter().filter(move |tablet| tablet.table == id);
        of_table.map(|tablet| TabletReport {
            first: format!("{:016x}", tablet.range.first().0),
            last: format!("{:016x}", tablet.range.last().0),
            owner: name(status, tablet.owner),
            state: match tablet.state {
                TabletState::Normal => "served",
                TabletState::Recovering => "recovering",
            },
        })
    };
    let table = |table: &rekindle::types::TableInfo| TableReport {
        name: table.name.clone(),
        id: table.id.0,
        tablets: tablets(table.id).collect(),
    };
    status.tables.iter().map(table).collect()
}

fn recovery(status: &ClusterStatus, recovery: &RecoveryStatus) -> RecoveryReport {
    let partitions = recovery.partitions.iter().map(|partition| PartitionReport {
        index: partition.index.0,
        master: name(status, partition.master),
        attempt: partition.attempt.0,
        bytes: partition.bytes,
        bytes_replayed: partition.bytes_replayed,
        state: match partition.progress {
            PartitionProgress::Replaying => "replaying",
            PartitionProgress::Replayed => "replayed",
            PartitionProgress::Committed => "committed",
            PartitionProgress::Served => "served",
        },
    });
    RecoveryReport {
        server: name(status, recovery.server),
        id: recovery.server.0,
        phase: match recovery.phase {
            RecoveryPhase::Discovering => "discovering",
            RecoveryPhase::Replaying => "replaying",
            RecoveryPhase::Releasing => "releasing",
        },
        bytes: recovery.partitions.iter().map(|p| p.bytes).sum(),
        bytes_replayed: recovery.partitions.iter().map(|p| p.bytes_replayed).sum(),
        partitions: partitions.collect(),
    }
}
