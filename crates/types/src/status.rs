//! How a cluster is, as its coordinator sees it: for people, and for programs that watch over it. Nothing decides by it.

use crate::{Attempt, PartitionIndex, ServerEntry, ServerId, ServerRoom, TableInfo, Tablet, Term};
use serde::{Deserialize, Serialize};

/// A snapshot of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterStatus {
    /// The coordinator's reign.
    pub term: Term,
    /// Too many servers are silent at once: no server is declared dead, nothing is planned (F8).
    pub is_held: bool,
    /// Replicas of every segment, R.
    pub replicas: u32,
    /// Deaths, one after another, from which the cluster recovers by itself (L1).
    pub failures: u32,
    /// Deaths at once without a loss (L1).
    pub failures_at_once: u32,
    /// The same in words, and what an operator can do.
    pub advice: String,
    /// Servers that are up, or dead and not yet recovered.
    pub servers: Vec<MemberStatus>,
    /// Tables.
    pub tables: Vec<TableInfo>,
    /// Their tablets.
    pub tablets: Vec<Tablet>,
    /// Recoveries that have not ended.
    pub recoveries: Vec<RecoveryStatus>,
}

/// A storage server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberStatus {
    /// As everybody sees it.
    pub entry: ServerEntry,
    /// Its first head is recorded: tablets may come (T7).
    pub is_placeable: bool,
    /// Milliseconds since its lease was renewed last; `None` when this reign has not renewed it.
    pub renewed_ms_ago: Option<u64>,
    /// What it told of its room last; `None` when it has told this reign nothing.
    pub room: Option<ServerRoom>,
}

/// The recovery of a dead server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryStatus {
    /// Who died.
    pub server: ServerId,
    /// How far.
    pub phase: RecoveryPhase,
    /// What is replayed where; empty until it is planned. Partitions that were cut are told by their parts.
    pub partitions: Vec<PartitionStatus>,
}

/// How far a recovery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RecoveryPhase {
    /// Its log is being found, then planned.
    Discovering,
    /// Partitions are replayed, committed and served, each on its own.
    Replaying,
    /// Everything is served: replicas are being freed.
    Releasing,
}

/// One partition of a recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionStatus {
    /// Which.
    pub index: PartitionIndex,
    /// Who replays it.
    pub master: ServerId,
    /// Which try.
    pub attempt: Attempt,
    /// Bytes replayed, once it is; bytes expected until then.
    pub bytes: u64,
    /// Of these, in memory again, as its master told last.
    pub bytes_replayed: u64,
    /// How far.
    pub progress: PartitionProgress,
}

/// How far a partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PartitionProgress {
    /// It is being replayed.
    Replaying,
    /// It is in memory and replicated, and waits to be re-pointed (F3).
    Replayed,
    /// Its tablets are its master's, who is being told so.
    Committed,
    /// It is served.
    Served,
}
