//! Floors, kept by the coordinator (H3, T7).

use super::Membership;
use async_trait::async_trait;
use rekindle_backup::replicator::{FloorError, FloorKeeper};
use rekindle_types::{CoordinatorApi, LogId, Refusal, RemoteError, Reply, Request, SegmentId};
use std::sync::Arc;

/// Stores floors with the coordinator.
pub struct CoordinatorFloors {
    /// Where.
    pub coordinator: Arc<dyn CoordinatorApi>,
    /// Told when the coordinator says that this server is no member.
    pub membership: Arc<Membership>,
}

#[async_trait]
impl FloorKeeper for CoordinatorFloors {
    async fn store_floor(&self, log: LogId, floor: SegmentId) -> Result<(), FloorError> {
        match self.coordinator.call(Request::StoreFloor { log, floor }).await? {
            Reply::Done => Ok(()),
            Reply::Refused(refusal @ Refusal::NotInCluster(server)) => {
                if server == self.membership.own() {
                    self.membership.remove();
                }
                Err(FloorError::Fenced(refusal.to_string()))
            }
            Reply::Refused(refusal) => Err(RemoteError::NotDone(refusal.to_string()).into()),
            other => Err(RemoteError::Unknown(format!("an answer to something else: {other:?}")).into()),
        }
    }
}
