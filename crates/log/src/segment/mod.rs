//! Formats of a segment and its entries. Byte tables: docs/formats/segment.md.

mod certificate;
mod certificate_check;
mod corrupt;
mod digest;
mod entry;
mod header;
mod iter;
mod object;
mod safe_version;
mod tablet_stats;
mod tombstone;
mod varint;

pub use certificate::Certificate;
pub use certificate_check::CertificateCheck;
pub use corrupt::Corrupt;
pub use digest::Digest;
pub use entry::{Entry, EntryDraft, EntryHeader, EntryType, Parsed};
pub use header::SegmentHeader;
pub use iter::{Entries, SegmentReader, entries};
pub use object::ObjectEntry;
pub use safe_version::SafeVersion;
pub use tablet_stats::{TabletStat, TabletStats};
pub use tombstone::TombstoneEntry;

/// A log's clock in whole seconds, written into entries; what it counts from is the assembly's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogTime(pub u32);

/// Smallest segment, in bytes.
pub const CAPACITY_MIN: u32 = 64 << 10;
/// Largest segment, in bytes.
pub const CAPACITY_MAX: u32 = 64 << 20;
/// Segments are multiples of this many bytes.
pub const CAPACITY_UNIT: u32 = 4096;
/// Longest key, in bytes, whatever the capacity.
pub const KEY_BYTES_MAX: usize = u16::MAX as usize;
