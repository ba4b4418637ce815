//! How a dead master's data comes back: log discovery, the recovery planner, and the replay of one partition.
//!
//! Discovery and planner are pure: inventories in, a plan out. The replay pulls filtered segments from the
//! backups and applies them to a store; it spawns nothing, the server runs its future.
#![forbid(unsafe_code)]

pub mod discovery;
pub mod plan;
pub mod replay;

pub use discovery::{Contradiction, FoundReplica, Incomplete, LogMap, SegmentMap, discover};
pub use plan::{
    BackupRoom, ClusterRoom, EvenPlanner, MasterRoom, PlanError, PlanInput, PlannedPartition, RecoveryPlan,
    RecoveryPlanner, ReplicaSource, SegmentReplicas, Will, WillPiece,
};
pub use replay::{ApplyError, LostSegment, ReplayConfig, ReplayFailure, ReplayTask};
