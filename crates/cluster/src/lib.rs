//! The assembly: servers put together from the other crates, and what travels between them.
//!
//! A [`server::StorageServer`] is a master (object calls on the tablets that it owns, within its lease), a backup
//! (replicas of other masters' segments) and a lease keeper; a [`server::CoordinatorServer`] is one reign over a
//! cluster. Both take their world as [`rekindle_env::Env`] and their network as [`wire::Transport`]: the same
//! servers run in one process ([`memory`]), in the simulator and between machines. No protocol decision is made
//! here that another crate could make.
//!
//! Limits: 65,536 lanes to a process, 256 object calls at work on a lane and 64 of each other kind, 4,096 requests
//! that wait for durability, 8 renewals under way; most are settings.
//!
//! ```
//! use rekindle_cluster::{
//!     memory::{Calm, MemoryNetwork},
//!     server::{CoordinatorServer, CoordinatorServerConfig, StorageConfig, StorageServer},
//!     wire::{ClusterId, Identity, Role},
//! };
//! use rekindle_coordinator::{ClusterSize, CoordinatorConfig, MemoryMetaLog};
//! use rekindle_env::memory::World;
//! use std::{sync::Arc, time::Duration};
//!
//! let world = World::new(1);
//! let network = MemoryNetwork::new(world.node("network").env().clock, Arc::new(Calm::default()));
//! let endpoint = |name: &str, role| network.endpoint(name, Identity { name: name.into(), role });
//! let cluster = ClusterId(1);
//!
//! let config =
//!     CoordinatorServerConfig { cluster, coordinator: CoordinatorConfig::new(ClusterSize::Servers(3)) };
//! let meta = Arc::new(MemoryMetaLog::default());
//! let env = world.node("c").env();
//! let coordinator = CoordinatorServer::start(config, env, endpoint("c", Role::Coordinator), meta)?;
//!
//! let mut servers = Vec::new();
//! for name in ["s1", "s2", "s3"] {
//!     let config = StorageConfig::new(cluster, name, name, ["c".to_owned()]);
//!     servers.push(StorageServer::start(config, world.node(name).env(), endpoint(name, Role::Server))?);
//! }
//! world.run_for(Duration::from_secs(1));
//! assert!(coordinator.term().is_some());
//! assert!(servers.iter().all(StorageServer::is_ready));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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
