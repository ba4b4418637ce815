//! The seam: a user's own planner goes here.

use super::{ClusterRoom, PlanInput, RecoveryPlan};
use rekindle_types::ServerId;

/// Decides who replays what. Pure: the same input gives the same plan.
pub trait RecoveryPlanner: Send + Sync {
    /// Cuts what the dead master owned into partitions and places them, taking their memory and reads from
    /// `room`. Never more than there is: what fits nowhere has no master. Partitions are disjoint and cover
    /// exactly what was owned (T1).
    fn plan(&self, input: &PlanInput, room: &mut ClusterRoom) -> Result<RecoveryPlan, PlanError>;

    /// Places partitions of these sizes, of a plan that exists: their master died, failed, or there was no
    /// room. `None` for those that still have to wait.
    fn place(&self, bytes: &[u64], room: &mut ClusterRoom) -> Vec<Option<ServerId>>;
}

/// Why there is no plan. Nothing was taken from the room.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// No master has room for any partition: park it until servers join or free memory.
    #[error("no room: {bytes_missing} bytes of memory are missing")]
    NoRoom {
        /// Bytes to be recovered.
        bytes_missing: u64,
    },
}
