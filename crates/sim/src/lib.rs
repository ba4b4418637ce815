#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod check;
mod cluster;
mod config;
pub mod faults;
pub mod history;
mod invariants;
mod ledger;
pub mod look;
mod overheard;
mod timeline;
pub mod trace;
pub mod weather;

pub use cluster::{COORDINATOR, SUCCESSOR, SimCluster, name};
pub use config::{SimConfig, SimStore};
pub use invariants::{Violation, check_settled, check_single_owner};
pub use timeline::Timeline;
