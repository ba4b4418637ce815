#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

pub mod cleaner;
mod crc;
pub mod index;
mod log;
mod memory;
pub mod segment;
mod sink;
pub mod store;
mod volatile;

pub use crc::{crc32c, crc32c_append};
pub use log::{
    Appended, AppendedNext, CommittedAt, ConfigError, EntryRef, EntryView, LOG_EXPANSION, LaneGuard, Log,
    LogConfig, LogError, LogRoom, LogStats, MemoryReservation, MemoryUse, NoRoom, SegmentUse, SideAppended,
    SideLog, partition_segments,
};
pub use memory::return_large_blocks;
pub use segment::Certificate;
pub use sink::{SegmentKind, SegmentSink, SegmentSource, SinkError};
pub use store::StoreError;
pub use volatile::Volatile;
