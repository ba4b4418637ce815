//! A cluster of processes on one machine: what the examples and the tests of processes share.
//!
//! A [`Launcher`] starts an executable in a role and holds it as a [`Child`]; [`role`] is what runs in that process;
//! a [`Cluster`] is a coordinator and storage servers in processes of their own, with certificates and clients.
//!
//! A child never outlives its parent: it reads commands from its standard input, and ends at once when that closes.
//!
//! Limits: 65,536 lines of a child kept, 16 KiB of what it says on standard error.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "processes, pipes and waiting for them are what this module is for"
)]

mod authority;
mod authority_error;
mod child;
mod cluster;
mod config;
mod directory;
mod durable_file;
mod launcher;
mod lines;
mod memory_use;
mod message;
mod place;
mod report;
pub mod role;
mod times;

pub use authority::{Authority, Issued};
pub use authority_error::AuthorityError;
pub use child::Child;
pub use cluster::{Access, Cluster, ClusterClient, ClusterConfig, ClusterError, both_sockets, new_id};
pub use config::{CoordinatorNode, CredentialFiles, Durability, NodeConfig, NodeRole, Size, StorageNode};
pub use directory::{ClusterDir, ClusterRecord, ClusterSettings, DirectoryError};
pub use launcher::{LaunchError, Launcher, Starting};
pub use memory_use::MemoryUse;
pub use message::{Command, Failed, Line, Observed, Ready};
pub use report::{
    BackupReport, CleanerReport, CoordinatorReport, LogReport, NodeReport, OperationReport,
    ReplicationReport, ServerReport, StorageReport, TabletReport,
};
pub use times::{NodeTimes, boot_time};
