//! How a dead master's data comes back: log discovery, the recovery planner, and the replay of one partition.
//!
//! [`discover`] finds the log in what the backups list, or says what is missing. A [`RecoveryPlanner`] cuts what the
//! dead master owned into partitions and places them. Both are pure: inventories in, a plan out. A [`ReplayTask`]
//! pulls one partition from the backups into a store. Nothing here records, orders or serves: that is the
//! coordinator's and the server's; nothing spawns: the server runs the futures.
//!
//! Limits: 4,096 partitions in a plan without a will; 8 loads of a replay in flight, 2 to one backup, each with one
//! segment's share of a partition; a silent replica is asked 6 times (see [`ReplayConfig`]).
//!
//! ```
//! use rekindle_backup::{ReplicaInfo, ReplicaState};
//! use rekindle_log::Certificate;
//! use rekindle_recovery::{ClusterRoom, EvenPlanner, MasterRoom, PlanInput, RecoveryPlanner, discover};
//! use rekindle_types::*;
//!
//! // Backup 2 holds the only segment of the log of server 1, its head.
//! let (log, head) = (LogId::of(ServerId(1)), SegmentId(1));
//! let inventory = vec![ReplicaInfo {
//!     replica: ReplicaId { log, segment: head, creation: CreationNumber(1) },
//!     state: ReplicaState::Open,
//!     certificate: Certificate { length: 4096, checksum: 7 },
//!     primary: true,
//!     digest: Some(vec![head]),
//! }];
//! let found = discover(log, &[(ServerId(2), inventory)], head)?;
//!
//! let tablet = Tablet {
//!     table: TableId(1),
//!     range: KeyRange::FULL,
//!     owner: log.server,
//!     version: TabletVersion(1),
//!     state: TabletState::Recovering,
//!     created: SegmentId(0),
//! };
//! let rules = Rules::default();
//! let (partition_bytes, partition_bytes_min) = (2048, 1024);
//! let owned = vec![tablet];
//! let input = PlanInput { log: found, owned, will: None, partition_bytes, partition_bytes_min, rules };
//! let mut room = ClusterRoom::default();
//! room.masters.insert(ServerId(3), MasterRoom { free_bytes: 1 << 20, ..MasterRoom::default() });
//! let plan = EvenPlanner.plan(&input, &mut room)?;
//! assert_eq!(plan.partitions.len(), 2);
//! assert!(plan.partitions.iter().all(|p| p.master == Some(ServerId(3))));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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
