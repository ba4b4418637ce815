//! Servers, assembled from their parts.

mod backup_service;
mod config;
mod coordinator;
mod ending;
mod enlist;
mod floor;
mod frames;
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
mod room;
mod shutdown_error;
mod status;
mod storage;
mod store;
mod tasks;
mod ties;

pub use config::{CoordinatorServerConfig, FileStoreSettings, StorageConfig, StorageConfigError, StoreKind};
pub use coordinator::CoordinatorServer;
pub use ending::StorageEnd;
pub use frames::FrameShortage;
pub use reports::Reports;
pub use room::RoomBoard;
pub use shutdown_error::ShutdownError;
pub use status::StorageStatus;
pub use storage::StorageServer;
pub use tasks::Tasks;

pub(crate) use membership::Membership;
pub(crate) use pulse::Pulse;

use backup_service::BackupService;
use floor::CoordinatorFloors;
use heartbeats::{HeartbeatCounts, Heartbeats};
use hints::Hints;
use list_keeper::{ListKeeper, ListWatch};
use master_parts::MasterParts;
use neighbours::Neighbours;
