//! What precedes the bytes of a journal record.

use super::{check, check_len, put, put_replica, replica_at, seal, u32_at, u64_at};
use crate::store::ReplicaWrite;
use rekindle_log::{Certificate, crc32c, segment::Corrupt};
use rekindle_types::ReplicaId;

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// A write that was taken: opens, appends, closes.
    Write {
        /// It opened the replica, to grow.
        open: bool,
        /// It closed it.
        close: bool,
        /// The rank that it gave it.
        primary: bool,
    },
    /// Nothing but how far the journal is synced (J2).
    Mark,
}

/// The header of a journal record; its bytes follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    /// What it says.
    pub kind: RecordKind,
    /// Of which replica.
    pub replica: ReplicaId,
    /// The start of the store in which it was written (J2).
    pub generation: u64,
    /// Its place in the journal, from 1.
    pub sequence: u64,
    /// Every record up to this one was known to be synced (J2).
    pub synced: u64,
    /// Capacity of the segment.
    pub capacity: u32,
    /// Where the bytes go.
    pub offset: u32,
    /// The certificate that holds from here on, when it is a new one.
    pub certificate: Option<Certificate>,
    /// How many bytes follow.
    pub length: u32,
    /// Of the bytes that follow.
    pub checksum: u32,
    /// The directory's: tells records from bytes of a segment that look like one.
    pub secret: u64,
}

impl RecordHeader {
    /// Bytes of a header.
    pub const LEN: usize = 92;
    /// How each begins.
    pub const MAGIC: [u8; 4] = *b"RKJ1";

    const OPEN: u8 = 1;
    const CERTIFICATE: u8 = 1 << 2;
    const CLOSE: u8 = 1 << 3;
    const PRIMARY: u8 = 1 << 4;

    /// Writes it.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LEN] {
        let (kind, mut flags) = match self.kind {
            RecordKind::Write { open, close, primary } => {
                let bit = |is_set, bit| if is_set { bit } else { 0 };
                (0, bit(open, Self::OPEN) | bit(close, Self::CLOSE) | bit(primary, Self::PRIMARY))
            }
            RecordKind::Mark => (1, 0),
        };
        if self.certificate.is_some() {
            flags |= Self::CERTIFICATE;
        }
        let mut out = [0; Self::LEN];
        put(&mut out, 0, &Self::MAGIC);
        out[4] = kind;
        out[5] = flags;
        put_replica(&mut out, self.replica);
        put(&mut out, 32, &self.generation.to_le_bytes());
        put(&mut out, 40, &self.sequence.to_le_bytes());
        put(&mut out, 48, &self.synced.to_le_bytes());
        put(&mut out, 56, &self.capacity.to_le_bytes());
        put(&mut out, 60, &self.offset.to_le_bytes());
        put(&mut out, 64, &self.certificate.unwrap_or_default().encode());
        put(&mut out, 72, &self.length.to_le_bytes());
        put(&mut out, 76, &self.checksum.to_le_bytes());
        put(&mut out, 80, &self.secret.to_le_bytes());
        seal(&mut out);
        out
    }

    /// Reads it back, or says exactly what is wrong with it. Reads `LEN` bytes at most; the record's bytes are
    /// another matter.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        check_len("record", bytes, Self::LEN)?;
        let bytes = &bytes[..Self::LEN];
        check("record", bytes, Self::MAGIC)?;
        let flags = bytes[5];
        let known = Self::OPEN | Self::CERTIFICATE | Self::CLOSE | Self::PRIMARY;
        let kind = match bytes[4] {
            0 if flags & !known == 0 => RecordKind::Write {
                open: flags & Self::OPEN != 0,
                close: flags & Self::CLOSE != 0,
                primary: flags & Self::PRIMARY != 0,
            },
            1 if flags == 0 => RecordKind::Mark,
            0 | 1 => return Err(Corrupt::Value { what: "flags", got: u64::from(flags) }),
            other => return Err(Corrupt::Value { what: "kind of a record", got: u64::from(other) }),
        };
        let certificate = Certificate::decode(&bytes[64..])?;
        let has_certificate = flags & Self::CERTIFICATE != 0;
        if !has_certificate && certificate != Certificate::default() {
            return Err(Corrupt::Value { what: "absent certificate", got: u64::from(certificate.length) });
        }
        let length = u32_at(bytes, 72);
        if length as usize > ReplicaWrite::BYTES_MAX {
            return Err(Corrupt::Value { what: "length of a record", got: u64::from(length) });
        }
        Ok(Self {
            kind,
            replica: replica_at(bytes),
            generation: u64_at(bytes, 32),
            sequence: u64_at(bytes, 40),
            synced: u64_at(bytes, 48),
            capacity: u32_at(bytes, 56),
            offset: u32_at(bytes, 60),
            certificate: has_certificate.then_some(certificate),
            length,
            checksum: u32_at(bytes, 76),
            secret: u64_at(bytes, 80),
        })
    }

    /// Checks the bytes that follow it and gives them.
    pub(crate) fn body<'a>(&self, behind: &'a [u8]) -> Result<&'a [u8], Corrupt> {
        check_len("bytes of a record", behind, self.length as usize)?;
        let body = &behind[..self.length as usize];
        let computed = crc32c(body);
        if computed == self.checksum {
            Ok(body)
        } else {
            Err(Corrupt::Crc { what: "bytes of a record", computed, stored: self.checksum })
        }
    }
}
