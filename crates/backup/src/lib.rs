#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod replicator;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use replicator::{
    FloorError, FloorKeeper, Replication, ReplicationStats, Replicator, ReplicatorConfig, TooFewBackups,
};
pub use store::{
    AdoptError, BackupError, BackupStats, BackupStore, Backups, Damage, Durability, FileStore,
    FileStoreConfig, Fill, Kept, LoadRequest, Loaded, LocalStore, MemoryStore, MemoryStoreConfig, Misfit,
    OpenError, PrimaryReplica, ReadPlan, ReplicaFree, ReplicaInfo, ReplicaState, ReplicaWrite, StoredImage,
};
