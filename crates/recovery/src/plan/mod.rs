//! Who replays what, and reads it where.

mod cut;
mod even;
mod halve;
mod input;
mod next_place;
mod place;
mod planner;
mod read_order;
mod recovery_plan;
mod room;

pub use even::EvenPlanner;
pub use halve::{Half, halve};
pub use input::{PlanInput, Will, WillPiece};
pub use next_place::{NextPlace, Tried, next_place};
pub use planner::{PlanError, RecoveryPlanner};
pub use read_order::plan_reads;
pub use recovery_plan::{PlannedPartition, RecoveryPlan, ReplicaSource, SegmentReplicas};
pub use room::{BackupRoom, ClusterRoom, MasterRoom};
