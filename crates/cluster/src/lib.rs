//! The assembly: transport, storage server, coordinator server.
#![forbid(unsafe_code)]

pub mod master;
