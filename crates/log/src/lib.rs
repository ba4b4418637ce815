//! Log-structured memory: segments, head switch, side logs, index, object store.
//!
//! A [`Log`] is a list of fixed-size segments in memory. What is appended to its head becomes durable through a
//! [`SegmentSink`]; [`Log::sync`] waits for that. It is not a file format for one file, and it knows no objects:
//! [`segment`] has the formats.
//!
//! Limits: segments of 64 KiB to 64 MiB; keys of 64 KiB - 1 and values of an eighth of a segment; two heads wait
//! behind the current one; [`Log::ENTRIES_MAX`] entries in one append.
//!
//! ```
//! use rekindle_log::segment::{EntryDraft, LogTime, ObjectEntry, Parsed};
//! use rekindle_log::{Log, LogConfig, Volatile};
//! use rekindle_types::{LogId, ServerId, TableId};
//! use std::sync::Arc;
//!
//! let config = LogConfig { segments_max: 8, ..LogConfig::new(LogId::of(ServerId(1))) };
//! let log = Log::new(config, Arc::new(Volatile))?;
//! let object = ObjectEntry {
//!     table: TableId(1),
//!     version: log.next_version()?,
//!     timestamp: LogTime(0),
//!     replaces: None,
//!     expiry: None,
//!     key: b"key",
//!     value: b"value",
//! };
//! let appended = log.append(&[EntryDraft::Object(object)])?;
//! let view = log.entry(appended.refs()[0]).expect("the segment is in memory");
//! assert_eq!(view.parse()?, Parsed::Object(object));
//! // `log.sync(appended.end).await` waits until it is durable, while somebody runs `log.run()`.
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
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
pub use segment::Certificate;
pub use sink::{SegmentKind, SegmentSink, SegmentSource, SinkError};
pub use store::StoreError;
pub use volatile::Volatile;
