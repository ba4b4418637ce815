#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod discovery;
pub mod plan;
pub mod replay;

pub use discovery::{Contradiction, FoundReplica, Incomplete, LogMap, SegmentMap, discover};
pub use plan::{
    BackupRoom, ClusterRoom, EvenPlanner, Half, MasterRoom, NextPlace, PlanError, PlanInput,
    PlannedPartition, RecoveryPlan, RecoveryPlanner, ReplicaSource, SegmentReplicas, Tried, Will, WillPiece,
    halve, next_place, plan_reads,
};
pub use replay::{ApplyError, Filling, LostSegment, ReplayConfig, ReplayFailure, ReplayTask};
