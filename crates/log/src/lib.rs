//! Log-structured memory: segments, head switch, side logs, index, object store.
//!
//! A [`Log`] is a list of fixed-size segments in memory. What is appended to its head becomes durable through a
//! [`SegmentSink`]; [`Log::sync`] waits for that. It is not a file format for one file, and it knows no objects:
//! [`segment`] has the formats.
//!
//! Limits: segments of 64 KiB to 64 MiB; keys of 64 KiB - 1 and values of an eighth of a segment; two heads wait
//! behind the current one; [`Log::ENTRIES_MAX`] entries in one append.
#![deny(unsafe_code)]

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
    Appended, CommittedAt, ConfigError, EntryRef, EntryView, Log, LogConfig, LogError, LogStats,
    SideAppended, SideLog,
};
pub use segment::Certificate;
pub use sink::{SegmentKind, SegmentSink, SegmentSource, SinkError};
pub use store::StoreError;
pub use volatile::Volatile;
