//! Servers, assembled from their parts.

mod backup_service;
mod config;
mod coordinator;
mod enlist;
mod floor;
mod heartbeats;
mod hints;
mod list_keeper;
mod master_parts;
mod member;
mod membership;
mod neighbours;
mod pulse;
mod reach;
mod reports;
mod status;
mod storage;
mod tasks;
mod ties;

pub use backup_service::BackupService;
pub use config::{CoordinatorServerConfig, StorageConfig, StorageConfigError};
pub use coordinator::CoordinatorServer;
pub use floor::CoordinatorFloors;
pub use heartbeats::{HeartbeatCounts, Heartbeats};
pub use hints::Hints;
pub use list_keeper::{ListKeeper, ListWatch};
pub use membership::{Membership, Observer, RemovalHook};
pub use neighbours::Neighbours;
pub use pulse::Pulse;
pub use reports::Reports;
pub use status::StorageStatus;
pub use storage::StorageServer;
pub use tasks::Tasks;

use master_parts::MasterParts;
