//! The same servers on simulated network, disk and clock, from one seed.
#![forbid(unsafe_code)]

pub mod oracle;
pub mod weather;
