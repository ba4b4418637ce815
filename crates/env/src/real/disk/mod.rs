//! Files and devices of a real directory, on threads of their own.
//!
//! The futures of [`crate::Dir`] and [`crate::Device`] hand jobs over ([`pool`]); per file a job runs after those
//! issued before ([`lanes`]), and what waits for one file is taken by one thread in one go, with one sync ([`job`]).

mod device;
mod dir;
mod error;
mod files;
mod handles;
mod job;
mod lanes;
mod locks;
mod open_file;
mod pool;
mod rounds;

pub(super) use dir::RealDir;
