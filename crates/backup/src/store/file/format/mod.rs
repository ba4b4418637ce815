//! Bytes on the disk. Byte tables: docs/formats/backup-store.md.

mod frame_header;
mod journal_name;
mod record_header;
mod superblock;

pub use frame_header::FrameHeader;
pub(super) use frame_header::{BLOCK_BYTES, Block, Codec};
pub(super) use journal_name::journal_name;
pub use journal_name::parse_journal_name;
pub use record_header::{RecordHeader, RecordKind};
pub use superblock::Superblock;

use rekindle_log::{crc32c, segment::Corrupt};
use rekindle_types::{CreationNumber, LogId, ReplicaId, SegmentId, ServerId};

/// What disks write as one at best, and what everything is aligned to.
pub(super) const PAGE_BYTES: usize = 4096;

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().expect("two bytes"))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    bytes[at..at + field.len()].copy_from_slice(field);
}

/// Writes the checksum of all bytes before it into the last four.
fn seal(bytes: &mut [u8]) {
    let end = bytes.len() - 4;
    let crc = crc32c(&bytes[..end]);
    put(bytes, end, &crc.to_le_bytes());
}

/// Checks magic, version and the checksum in the last four bytes.
fn check(what: &'static str, bytes: &[u8], magic: [u8; 4]) -> Result<(), Corrupt> {
    let got = bytes[..4].try_into().expect("four bytes");
    if got != magic {
        return Err(Corrupt::Magic { got, expected: magic });
    }
    let end = bytes.len() - 4;
    let (computed, stored) = (crc32c(&bytes[..end]), u32_at(bytes, end));
    if computed == stored { Ok(()) } else { Err(Corrupt::Crc { what, computed, stored }) }
}

fn check_version(got: u16) -> Result<(), Corrupt> {
    if got == 1 { Ok(()) } else { Err(Corrupt::FormatVersion { got, known: 1 }) }
}

/// The bytes of a replica's id from offset 6 on, the same in frame headers and records.
fn put_replica(bytes: &mut [u8], id: ReplicaId) {
    put(bytes, 6, &id.log.index.to_le_bytes());
    put(bytes, 8, &id.log.server.0.to_le_bytes());
    put(bytes, 16, &id.segment.0.to_le_bytes());
    put(bytes, 24, &id.creation.0.to_le_bytes());
}

fn replica_at(bytes: &[u8]) -> ReplicaId {
    ReplicaId {
        log: LogId { server: ServerId(u64_at(bytes, 8)), index: u16_at(bytes, 6) },
        segment: SegmentId(u64_at(bytes, 16)),
        creation: CreationNumber(u64_at(bytes, 24)),
    }
}

/// Refuses a number that is none of those written.
fn flag(what: &'static str, got: u8) -> Result<bool, Corrupt> {
    if got <= 1 { Ok(got == 1) } else { Err(Corrupt::Value { what, got: u64::from(got) }) }
}

/// Refuses bytes that are not zero where nothing is written.
fn check_zeros(what: &'static str, bytes: &[u8]) -> Result<(), Corrupt> {
    match bytes.iter().find(|byte| **byte != 0) {
        Some(byte) => Err(Corrupt::Value { what, got: u64::from(*byte) }),
        None => Ok(()),
    }
}

fn check_len(what: &'static str, bytes: &[u8], need: usize) -> Result<(), Corrupt> {
    if bytes.len() < need { Err(Corrupt::Short { what, need, have: bytes.len() }) } else { Ok(()) }
}
