//! Replicas of other masters' segments ([`BackupStore`]), and the replicator that keeps R of them.
#![forbid(unsafe_code)]

pub mod replicator;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use replicator::{
    FloorError, FloorKeeper, Replication, ReplicationStats, Replicator, ReplicatorConfig, TooFewBackups,
};
pub use store::{
    BackupError, BackupStats, BackupStore, Backups, Fill, LoadRequest, Loaded, MemoryStore,
    MemoryStoreConfig, PrimaryReplica, ReadPlan, ReplicaFree, ReplicaInfo, ReplicaState, ReplicaWrite,
};
