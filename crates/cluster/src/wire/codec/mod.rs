//! Bodies. Byte tables: docs/formats/frame.md. Lengths are checked against named limits and against the bytes that
//! are there before anything is allocated for them.

mod backup;
mod backup_error;
mod control;
mod object;
pub(crate) mod put;
mod reader;
mod refusal;

pub use backup::{
    decode_free, decode_inventory, decode_inventory_call, decode_load, decode_loaded, decode_outcome,
    decode_start_recovery, decode_stats, decode_write, encode_free, encode_inventory, encode_inventory_call,
    encode_load, encode_loaded, encode_outcome, encode_start_recovery, encode_stats, encode_write,
};
pub use backup_error::{decode_backup_error, encode_backup_error};
pub use control::{
    decode_order, decode_postcard, decode_report, encode_order, encode_postcard, encode_report,
};
pub use object::{decode_object_reply, decode_object_request, encode_object_reply, encode_object_request};
pub use reader::Reader;
pub use refusal::CallRefusal;

/// Most pieces of a partition.
pub const PIECES_MAX: usize = 1 << 16;
/// Most partitions of a read plan.
pub const PARTITIONS_MAX: usize = 1 << 16;
/// Most replicas of an inventory or a read plan.
pub const REPLICAS_MAX: usize = 1 << 20;
/// Most segments of a digest.
pub const DIGEST_SEGMENTS_MAX: usize = 1 << 20;
/// Longest text of an error; longer ones are cut.
pub const TEXT_BYTES_MAX: usize = 1024;

/// What is wrong with received bytes, or with what was to be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// Bytes are missing.
    #[error("{need} bytes needed, {have} there")]
    Short {
        /// How many it takes.
        need: usize,
        /// How many there are.
        have: usize,
    },
    /// A length or count is above its limit.
    #[error("{what} of {got}, at most {max}")]
    TooLong {
        /// Of what.
        what: &'static str,
        /// The limit.
        max: usize,
        /// What was named.
        got: usize,
    },
    /// Bytes are left over.
    #[error("{left} bytes left over")]
    Trailing {
        /// How many.
        left: usize,
    },
    /// A field has a value that it can't have.
    #[error("invalid {what}")]
    Invalid {
        /// Which.
        what: &'static str,
    },
    /// The other side speaks another protocol version.
    #[error("protocol version {got}, {spoken} is spoken")]
    Version {
        /// The other side's.
        got: u16,
        /// This side's.
        spoken: u16,
    },
}
