#![doc = include_str!("../README.md")]
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
