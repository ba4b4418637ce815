//! Embeddable storage components: log-structured memory that is back a second after a crash.
//!
//! Each server keeps one copy of its data in memory, as a log cut into segments; every segment lies on several
//! backups. When a server dies, all backups read their share at once and many servers replay disjoint
//! partitions of it in parallel.
//!
//! This package only gathers the crates under one name. Nothing is on by default: each feature adds a crate,
//! with those that it stands on.
//!
//! | feature | module | what it is |
//! |---|---|---|
//! | `types` | `rekindle::types` | ids, hash ranges, positions, server list, tablet map |
//! | `env` | `rekindle::env` | the seams to the world: clock, randomness, tasks, disks |
//! | `log` | `rekindle::log` | segments, index, a store of objects over a log |
//! | `backup` | `rekindle::backup` | replicas of segments: the store, and the replicator |
//! | `recovery` | `rekindle::recovery` | finding a log, planning, filtering, replaying |
//! | `coordinator` | `rekindle::coordinator` | membership, tablets, operations, meta log |
//! | `client` | `rekindle::client` | reads and writes with retries |
//! | `cluster` | `rekindle::cluster` | the servers, put together |
//! | `sim` | `rekindle::sim` | the same servers in a simulated world |
//! | `memory`, `real` | | for `env`: the world in memory, and that of a machine |
//! | `quic`, `local` | | for `cluster`: QUIC with mutual TLS, and clusters of processes on one machine |
//!
//! Each module's page shows it in some ten lines.
#![forbid(unsafe_code)]

#[cfg(feature = "backup")]
#[doc(inline)]
pub use rekindle_backup as backup;
#[cfg(feature = "client")]
#[doc(inline)]
pub use rekindle_client as client;
#[cfg(feature = "cluster")]
#[doc(inline)]
pub use rekindle_cluster as cluster;
#[cfg(feature = "coordinator")]
#[doc(inline)]
pub use rekindle_coordinator as coordinator;
#[cfg(feature = "env")]
#[doc(inline)]
pub use rekindle_env as env;
#[cfg(feature = "log")]
#[doc(inline)]
pub use rekindle_log as log;
#[cfg(feature = "recovery")]
#[doc(inline)]
pub use rekindle_recovery as recovery;
#[cfg(feature = "sim")]
#[doc(inline)]
pub use rekindle_sim as sim;
#[cfg(feature = "types")]
#[doc(inline)]
pub use rekindle_types as types;

/// The README's example, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
