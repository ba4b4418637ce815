//! What servers and clients ask the coordinator.

use crate::{
    Attempt, ClusterStatus, ListUpdate, ListVersion, LogId, PartitionIndex, RemoteError, SegmentId, ServerId,
    ServerList, ServerRoom, TableId, TableInfo, TabletMap, TabletVersion, Term,
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// The coordinator as servers and clients see it. Implemented by the coordinator and by its stub.
#[async_trait]
pub trait CoordinatorApi: Send + Sync {
    /// Makes one call. Every request may be repeated after [`RemoteError::Unknown`], and each may be carried out late,
    /// after its caller has given it up. Repeats do no harm, but for [`Request::CreateTable`]: one that comes when the
    /// table was made and dropped again makes another, empty one.
    async fn call(&self, request: Request) -> Result<Reply, RemoteError>;
}

/// A call to the coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// A process becomes a member. `incarnation` is drawn anew by every process: a repeat answers the same id.
    Enlist {
        /// The certificate's name.
        name: String,
        /// Where to dial it.
        address: String,
        /// Failure domain.
        domain: String,
        /// Tells a repeated call from a restarted process.
        incarnation: u64,
        /// The id that its data directory had before, declared dead first.
        former: Option<Former>,
    },
    /// Heartbeat and renewal of the lease (F2), sent every heartbeat; reports are repeated until answered (T3).
    Renew {
        /// Who.
        server: ServerId,
        /// The list that it holds.
        list: ListVersion,
        /// What it has left.
        room: ServerRoom,
        /// Results of replays, until told serve or discard.
        reports: Vec<PartitionReport>,
        /// Replays under way. For people: nothing is decided by it.
        replaying: Vec<PartitionReplay>,
    },
    /// A call to `suspect` failed: look at it (F7).
    Hint {
        /// Who noticed.
        from: ServerId,
        /// Who did not answer.
        suspect: ServerId,
    },
    /// Heads of this log below `floor` are no heads (H3). The first call of a log records its first head (T7).
    StoreFloor {
        /// The log.
        log: LogId,
        /// The new floor, never below the one stored.
        floor: SegmentId,
    },
    /// Makes a table of `tablets` even ranges, spread over the servers.
    CreateTable {
        /// Unique name, 1 to 255 bytes.
        name: String,
        /// How many, at least one.
        tablets: u32,
    },
    /// Removes a table and all that is in it. Refused with [`Refusal::NoSuchTable`] unless the table of this name has
    /// this id: a repeat, or a call that comes late, leaves the table alone that has taken the name since.
    DropTable {
        /// Its name.
        name: String,
        /// Its id, which no other table ever has.
        id: TableId,
    },
    /// The tablet map, if it is newer than `newer_than`; and the server list.
    TabletMap {
        /// What the caller has; zero for none.
        newer_than: TabletVersion,
    },
    /// The server list, if it is newer.
    ServerList {
        /// What the caller has.
        newer_than: ListVersion,
    },
    /// A clean stop: the server hands its lease back and is declared dead with proof (F9). It serves nothing from
    /// before this call on, whatever a renewal that is still under way answers.
    Leave {
        /// Who.
        server: ServerId,
    },
    /// Whoever started the server's process has seen it exit: it is declared dead with proof (F9). Operators only.
    ReportExit {
        /// Whose process.
        server: ServerId,
    },
    /// How the cluster is. Operators only.
    Status,
}

/// The server that a data directory belonged to before, declared dead first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Former {
    /// Its id.
    pub server: ServerId,
    /// The newcomer holds the exclusive lock of that one's store, which a process holds, on a local device, until it
    /// exits: this proves that it is gone (F9).
    pub is_store_held: bool,
}

/// What a recovery master says about one attempt at a partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PartitionReport {
    /// Whose log is recovered.
    pub crashed: LogId,
    /// Which partition of the plan.
    pub partition: PartitionIndex,
    /// Which try.
    pub attempt: Attempt,
    /// What came of it.
    pub outcome: PartitionOutcome,
}

/// How far a recovery master is with one attempt at a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PartitionReplay {
    /// Whose log is recovered.
    pub crashed: LogId,
    /// Which partition of the plan.
    pub partition: PartitionIndex,
    /// Which try.
    pub attempt: Attempt,
    /// Bytes of it that are in memory (whole entries).
    pub bytes: u64,
}

/// Outcome of one attempt to replay a partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PartitionOutcome {
    /// The switch that commits the side log is complete; the position is the creation position (T2).
    Committed {
        /// Creation position of the tablets on the recovery master.
        created: SegmentId,
        /// Bytes replayed (whole entries).
        bytes: u64,
        /// Objects alive afterwards.
        objects: u64,
    },
    /// It could not be done here; place it elsewhere or wait.
    Failed {
        /// What an operator needs to know.
        reason: String,
        /// Memory was short: the partition may fit elsewhere, or when it is cut.
        shortage: Option<Shortage>,
    },
}

/// Memory did not suffice for a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shortage {
    /// Bytes that each piece of the partition has at least: so many were there when the memory was used up. Empty
    /// when nothing was replayed.
    pub pieces: Vec<u64>,
}

impl Shortage {
    /// Bytes that the partition has at least.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.pieces.iter().fold(0, |sum, piece| sum.saturating_add(*piece))
    }
}

/// The answer to a [`Request`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// To `Enlist`.
    Enlisted(Enlisted),
    /// To `Renew`: served until lease end, from sending (F2). News of the list, if any.
    Renewed {
        /// The coordinator's reign.
        term: Term,
        /// What the renewal is worth, from its sending on (F2): the coordinator waits for so long, and the drift
        /// bound, before it gives the tablets to others (F3).
        lease_ms: u32,
        /// What changed in the list since the version that the call carried.
        update: Option<ListUpdate>,
    },
    /// To `Hint`, `StoreFloor`, `DropTable`, `Leave` and `ReportExit`.
    Done,
    /// To `CreateTable`, once every owner serves.
    Table(TableInfo),
    /// To `TabletMap`; `None` when the caller's is as new.
    TabletMap {
        /// The map.
        map: Option<TabletMap>,
        /// Where the owners are.
        servers: ServerList,
    },
    /// To `ServerList`; `None` when the caller's is as new.
    ServerList(Option<ServerList>),
    /// Not done, and why.
    Refused(Refusal),
    /// To `Status`.
    Status(Box<ClusterStatus>),
}

/// What a new member needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enlisted {
    /// Its id.
    pub server: ServerId,
    /// The coordinator's reign.
    pub term: Term,
    /// The list, with it in it: a backup takes no writes before it holds this (F1).
    pub list: ServerList,
    /// Replicas per segment, R (L1).
    pub replicas: u32,
}

/// Why the coordinator refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Refusal {
    /// Stop serving: declared dead is final. Restart to get a new id.
    #[error("{0} is no member of the cluster")]
    NotInCluster(ServerId),
    /// Choose another name.
    #[error("table {0:?} exists")]
    TableExists(String),
    /// Check the name.
    #[error("no table {0:?}")]
    NoSuchTable(String),
    /// Correct the call.
    #[error("{0}")]
    Invalid(String),
    /// Start more servers.
    #[error("{have} servers are up, {need} are needed")]
    TooFewServers {
        /// Servers up.
        have: u32,
        /// Servers needed.
        need: u32,
    },
    /// Try again later: no leader, not ready, or the call collided with a change.
    #[error("try again in {after_ms} ms: {reason}")]
    Retry {
        /// Wait at least this long.
        after_ms: u32,
        /// What is in the way.
        reason: String,
    },
}
