//! Membership, failure detection, tablets and recorded operations over a meta log.
//!
//! [`Coordinator`] is the authority for one reign: it answers [`rekindle_types::CoordinatorApi`] and works while
//! its futures `run` and `watch` run. Everything of consequence is first a batch of a [`MetaLog`]: deciding is pure
//! ([`change`], [`Detector`], [`Leases`]), the recorded state is [`ClusterState`], and a coordinator that is
//! stopped anywhere is continued by the next one on the same log.
//!
//! Limits: 255 bytes of a name, 16,384 tablets a table, 256 pending operations on tables, 64 outcomes kept.
//!
//! ```
//! use rekindle_coordinator::{ClusterSize, CoordinatorConfig};
//!
//! let config = CoordinatorConfig::new(ClusterSize::Servers(6));
//! assert_eq!(config.size.shape().replicas, 3);
//! assert!(config.validate().is_ok());
//! ```
#![forbid(unsafe_code)]

pub mod change;
mod config;
mod control;
mod detect;
pub mod entity;
mod lease;
pub mod meta;
mod observer;
mod office;
mod resilience;
mod room;
#[cfg(feature = "testing")]
pub mod scripted;
mod state;

pub use config::{ClusterSize, ConfigError, CoordinatorConfig, Times};
pub use control::{ControlError, Order, OrderKind, ReplayOrder, Report, ServerControl, TabletGrant};
pub use detect::{Detector, DetectorAction};
pub use lease::{Leases, Proof};
pub use meta::{
    AppendError, Batch, FileMetaLog, FileMetaLogConfig, Leadership, MemoryMetaLog, MetaLog, MetaOpenError,
};
pub use observer::{Event, NoObserver, Observer};
pub use office::{Coordinator, OpenError, Servers, Stopped};
pub use rekindle_recovery::SegmentReplicas;
pub use resilience::Resilience;
pub use room::{FramesShort, Rooms, cluster_room, frames_suffice, room_beside};
pub use state::{ClusterState, Step, Unreadable};
