//! The assembly: frames, transport, storage server, coordinator server.
#![forbid(unsafe_code)]

pub mod control;
pub mod master;
pub mod memory;
pub mod server;
pub mod wire;
