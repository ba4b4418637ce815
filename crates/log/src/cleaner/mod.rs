//! Cleaning: what is still needed of segments with much garbage is moved together, and the segments leave the log, in
//! memory and on the backups.
//!
//! The combined level only: survivors are written to side segments and replicated. Compaction, in memory alone, would
//! be another kind of pass over the same victims. [`balance`] and [`choose_segments`] decide and do nothing;
//! [`Pass`] does it, in slices; [`Cleaner::run`] drives passes as memory runs short.
//!
//! After Rumble, Kejriwal and Ousterhout, "Log-structured memory for DRAM-based storage" (FAST 2014).

mod balance;
mod config;
mod pack;
mod pass;
mod plan;
mod run;
mod select;

pub use balance::{Wish, balance, is_short};
pub use config::CleanerConfig;
pub use pass::{Pass, Passed};
pub use run::{Cleaner, CleanerStats};
pub use select::{Budget, choose_segments};
