//! Calls to backups and to the keeper of the floor.

use super::super::{CallId, FreeCall, Outcome, WriteCall};
use crate::{ReplicaFree, ReplicaWrite};
use async_trait::async_trait;
use bytes::Bytes;
use rekindle_types::{LogId, RemoteError, SegmentId, ServerId};

/// Stores a log's floor durably at the coordinator (H3).
#[async_trait]
pub trait FloorKeeper: Send + Sync {
    /// Heads of `log` below `floor` are no heads from then on. May be repeated.
    async fn store_floor(&self, log: LogId, floor: SegmentId) -> Result<(), FloorError>;
}

/// Why a floor is not known to be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FloorError {
    /// The coordinator has declared this server dead. Final.
    #[error("the floor was refused: {0}")]
    Fenced(String),
    /// Not done or unknown: it is repeated until answered.
    #[error(transparent)]
    Remote(#[from] RemoteError),
}

/// What came back from the world.
pub(super) enum Done {
    Call(CallId, Outcome),
    Floor(SegmentId, Result<(), FloorError>),
    ReadRate(ServerId, u64),
    /// The call was abandoned.
    Nothing,
}

/// A write as the backup takes it. `None` when the log no longer has these bytes in memory.
pub(super) fn replica_write(call: &WriteCall, capacity: u32, segment: &Bytes) -> Option<ReplicaWrite> {
    let (from, to) = (call.from as usize, call.to as usize);
    (to <= segment.len()).then(|| ReplicaWrite {
        replica: call.replica,
        session: call.session,
        open: call.open,
        capacity,
        offset: call.from,
        bytes: segment.slice(from..to),
        certificate: call.certificate,
        close: call.close,
        primary: call.primary,
    })
}

/// A free as the backup takes it.
pub(super) fn replica_free(call: &FreeCall) -> ReplicaFree {
    ReplicaFree { replica: call.replica, session: call.session }
}
