//! What the coordinator orders a storage server to do.

use async_trait::async_trait;
use rekindle_recovery::SegmentReplicas;
use rekindle_types::{
    Attempt, KeyRange, ListUpdate, ListVersion, LogId, Lsn, Partition, PartitionIndex, RemoteError,
    SegmentId, ServerId, TableId, TabletVersion, Term,
};
use serde::{Deserialize, Serialize};

/// A storage server as the coordinator sees it. Implemented by the server and by its stub.
#[async_trait]
pub trait ServerControl: Send + Sync {
    /// Carries an order out. Orders may be repeated: an equal one is answered as before, without acting again (F5).
    async fn call(&self, order: Order) -> Result<Report, ControlError>;
}

/// An order under a coordinator's reign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Servers refuse terms lower than the highest they have seen (F5).
    pub term: Term,
    /// What to do.
    pub kind: OrderKind,
}

/// What to do. Orders about a range carry `cause`, the sequence number of the meta-log batch that caused them (F5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderKind {
    /// Take a change of the server list.
    List(ListUpdate),
    /// Answer, if every service thread lives (F7).
    Probe,
    /// Probe another server, for the coordinator (F7).
    ProbeFor {
        /// Whom.
        suspect: ServerId,
    },
    /// Serve these tablets from now on; recorded before.
    Serve {
        /// The batch that granted them.
        cause: Lsn,
        /// What to serve.
        tablets: Vec<TabletGrant>,
    },
    /// Stop serving this range, forget its objects.
    Drop {
        /// The batch that took it away.
        cause: Lsn,
        /// The table.
        table: TableId,
        /// The hashes.
        range: KeyRange,
    },
    /// Replay a partition of a dead master (T2, T3); the result comes with the renewals.
    Replay(ReplayOrder),
    /// Forget an attempt: free its side segments, or drop what it committed and was never told to serve.
    Discard {
        /// The batch that made it obsolete.
        cause: Lsn,
        /// The dead master's log.
        crashed: LogId,
        /// Which partition.
        partition: PartitionIndex,
        /// This attempt and all before it.
        attempt: Attempt,
    },
    /// Free all replicas of a dead master's log: every partition is committed (T3).
    FreeLog(LogId),
}

/// A tablet to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TabletGrant {
    /// The table.
    pub table: TableId,
    /// The hashes.
    pub range: KeyRange,
    /// Its version in the map.
    pub version: TabletVersion,
    /// Its creation position on this server; zero for a tablet that was never elsewhere (T2).
    pub created: SegmentId,
    /// The replay that filled it, `None` for a new table's.
    pub replayed: Option<(LogId, PartitionIndex, Attempt)>,
}

/// One partition to replay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayOrder {
    /// The batch that recorded the attempt.
    pub cause: Lsn,
    /// The dead master's log.
    pub crashed: LogId,
    /// Which partition of its plan.
    pub partition: PartitionIndex,
    /// Which try, recorded before this was sent (T3). A higher one discards lower ones at the same partition here.
    pub attempt: Attempt,
    /// What it consists of.
    pub pieces: Partition,
    /// Bytes expected in it: reserved before anything is replayed (L2).
    pub bytes: u64,
    /// The log's segments, and where to read each.
    pub segments: Vec<SegmentReplicas>,
    /// List version that the inventories were taken under.
    pub list: ListVersion,
}

/// The answer to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// Done, or done before.
    Done,
    /// To `ProbeFor`: whether the other server answered.
    Probed {
        /// It did.
        is_alive: bool,
    },
}

/// Why an order was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ControlError {
    /// A newer coordinator reigns: step down.
    #[error("{seen} reigns, the order is of {sent}")]
    OldTerm {
        /// The order's.
        sent: Term,
        /// The highest seen.
        seen: Term,
    },
    /// A later order about part of the range was carried out before (F5).
    #[error("superseded by {0}")]
    Superseded(Lsn),
    /// The target is another server, or this one was restarted (F6).
    #[error("this is not {0}")]
    WrongServer(ServerId),
    /// The server lacks what the order needs: a list increment that does not fit, a replay that it does not know.
    #[error("{0}")]
    Refused(String),
    /// The server has no memory for the partition, and has begun nothing: place it elsewhere (L2).
    #[error("no room for a partition: {need} bytes are needed, {free} are free")]
    NoRoom {
        /// Bytes of memory that it takes.
        need: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The call did not come back.
    #[error(transparent)]
    Remote(#[from] RemoteError),
}
