//! What is wrong with bytes that should be a segment.

/// Bytes that are not what the format says. Read another copy; nothing of this one past that point counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Corrupt {
    /// Cut off.
    #[error("{what} cut off: {have} bytes, {need} needed")]
    Short {
        /// What was being read.
        what: &'static str,
        /// Bytes needed.
        need: usize,
        /// Bytes there.
        have: usize,
    },
    /// A checksum does not fit.
    #[error("{what}: crc32c {computed:#010x}, stored {stored:#010x}")]
    Crc {
        /// What it covers.
        what: &'static str,
        /// Of the bytes as they are.
        computed: u32,
        /// As written.
        stored: u32,
    },
    /// No segment of ours.
    #[error("magic {got:02x?} is not {expected:02x?}")]
    Magic {
        /// As read.
        got: [u8; 4],
        /// As it must be.
        expected: [u8; 4],
    },
    /// Written by a later release.
    #[error("format version {got}, only {known} is known")]
    FormatVersion {
        /// As read.
        got: u16,
        /// The only known one.
        known: u16,
    },
    /// A field has a value that is never written.
    #[error("{what}: {got} is impossible")]
    Value {
        /// Which field.
        what: &'static str,
        /// As read.
        got: u64,
    },
    /// A certificate that ends inside of an entry, or beyond what is there.
    #[error("certificate of {length} bytes, entries end at {end}")]
    BadLength {
        /// As the certificate says.
        length: u32,
        /// Where the entries end.
        end: u32,
    },
}

impl Corrupt {
    /// Refuses fewer than `need` bytes.
    #[inline]
    pub(crate) fn check_len(what: &'static str, bytes: &[u8], need: usize) -> Result<(), Self> {
        if bytes.len() < need { Err(Self::Short { what, need, have: bytes.len() }) } else { Ok(()) }
    }
}

/// Reads a little-endian u32; `at + 4` must be within.
#[inline]
pub(crate) fn le_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// Reads a little-endian u64; `at + 8` must be within.
#[inline]
pub(crate) fn le_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
