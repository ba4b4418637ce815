//! What makes a prefix of a segment valid.

/// The atomic commit point of replication: a prefix of `length` bytes is valid when the checksum fits it.
///
/// `checksum` is the crc32c of the segment's header, of all entry headers (type byte and length bytes, not
/// bodies: those carry their own) that lie wholly below `length`, and of `length` as 4 bytes. Bytes past the
/// certificate do not exist. It ends on an append boundary (H7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Certificate {
    /// Valid bytes from the segment's start.
    pub length: u32,
    /// See above.
    pub checksum: u32,
}
