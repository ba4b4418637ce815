//! The same servers on simulated network, disk and clock, from one seed, on one thread.
//!
//! [`SimCluster`] starts and kills the real storage servers and coordinators; [`Oracle`](oracle::Oracle) remembers what
//! clients were told. It is no scale model and measures nothing: its seconds are virtual.
//! Limits: one coordinator at a time; keys of the workload are known beforehand.
//!
//! ```
//! use rekindle_client::ClientConfig;
//! use rekindle_sim::{SimCluster, SimConfig};
//! use std::time::Duration;
//!
//! let cluster = SimCluster::new(SimConfig { servers: 4, ..SimConfig::new(1) });
//! cluster.start();
//! let client = cluster.client("c", ClientConfig::default());
//! let found = cluster.world.block_on(async {
//!     assert!(cluster.until(Duration::from_secs(30), SimCluster::is_ready).await);
//!     let table = client.create_table("t", 8).await.unwrap();
//!     table.put("key", "value").await.unwrap();
//!     cluster.kill_storage(0);
//!     table.get("key").await.unwrap()
//! });
//! assert_eq!(&found.unwrap().value[..], b"value");
//! ```
#![forbid(unsafe_code)]

pub mod check;
mod cluster;
mod config;
pub mod history;
mod invariants;
pub mod oracle;
pub mod storm;
mod timeline;
pub mod weather;
mod workload;

pub use cluster::{COORDINATOR, SimCluster, name};
pub use config::{SimConfig, SimStore};
pub use invariants::{Violation, check_settled, check_single_owner};
pub use timeline::Timeline;
pub use workload::{Counts, Workload, WorkloadConfig};
