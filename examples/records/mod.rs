//! Files of lines, each an object: the key is a part of the line, the value is the line.
//!
//! Shared by examples. Bytes stay as they are: a value is the line without its `\n`, whatever is in it.

mod csv;
mod jsonl;
mod lines;
mod source;

pub use csv::{CsvOptions, CsvReader, KeyColumn, delimiter, is_record};
pub use jsonl::{JsonKey, JsonReader, is_object, with_key};
pub use source::open;

use bytes::Bytes;
use std::{fmt, io};

/// Longest line, and most bytes of a record that goes over several lines.
pub const RECORD_BYTES_MAX: usize = 1 << 20;
/// Longest key that a cluster takes.
const KEY_BYTES_MAX: usize = 65_535;

/// An object to be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it begins in the file, from 1.
    pub number: u64,
    pub key: Bytes,
    pub value: Bytes,
}

/// A line that is no object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Where it begins in the file, from 1.
    pub number: u64,
    /// What is wrong, and what to do.
    pub reason: String,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.number, self.reason)
    }
}

/// Lines of a file, one after another.
pub trait Records {
    /// The next line, good or bad; `None` at the end.
    fn next(&mut self) -> io::Result<Option<Result<Line, BadLine>>>;

    /// Bytes read so far.
    fn bytes(&self) -> u64;
}

/// Whether a cluster takes this key.
fn check_key(key: &[u8]) -> Result<(), String> {
    match key.len() {
        0 => Err("the key is empty".into()),
        1..=KEY_BYTES_MAX => Ok(()),
        bytes => Err(format!("the key has {bytes} bytes, at most {KEY_BYTES_MAX} are possible")),
    }
}
