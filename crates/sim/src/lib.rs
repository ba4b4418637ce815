#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod check;
mod cluster;
mod config;
pub mod faults;
pub mod history;
mod invariants;
pub mod look;
pub mod oracle;
mod overheard;
pub mod storm;
mod timeline;
pub mod trace;
pub mod weather;
mod workload;

pub use cluster::{COORDINATOR, SUCCESSOR, SimCluster, name};
pub use config::{SimConfig, SimStore};
pub use invariants::{Violation, check_settled, check_single_owner};
pub use timeline::Timeline;
pub use workload::{Counts, Workload, WorkloadConfig};
