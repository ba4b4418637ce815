//! Keeping other masters' segments.

mod api;
mod backups;
#[cfg(feature = "testing")]
pub mod conformance;
mod error;
pub mod file;
mod filter;
mod inventory;
mod kept;
mod local;
mod membership;
mod memory;
mod misfit;
mod read_ahead;
mod replica;
mod session;
mod shelf;
mod slot;

pub use api::{
    BackupStats, BackupStore, Fill, LoadRequest, Loaded, PrimaryReplica, ReadPlan, ReplicaFree, ReplicaInfo,
    ReplicaState, ReplicaWrite,
};
pub use backups::Backups;
pub use error::BackupError;
pub use file::{AdoptError, Damage, Durability, FileStore, FileStoreConfig, OpenError};
#[cfg(feature = "testing")]
pub(crate) use filter::Filter;
pub use kept::{Kept, StoredImage};
pub use local::LocalStore;
pub use memory::{MemoryStore, MemoryStoreConfig};
pub use misfit::Misfit;
