#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod control;
#[cfg(feature = "local")]
pub mod local;
pub mod master;
pub mod memory;
#[cfg(feature = "quic")]
pub mod quic;
pub mod server;
pub mod wire;
