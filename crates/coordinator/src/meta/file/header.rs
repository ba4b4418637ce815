//! The first bytes of every file. Byte table: docs/formats/meta-log.md.

use super::{le, read::Damage};
use rekindle_log::crc32c;
use rekindle_types::{Lsn, Term};

/// Says whose file it is and how long its snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileHeader {
    pub cluster: u128,
    /// What every frame of the file carries and nobody knows who only sends names and keys; `None` in version 1.
    pub secret: Option<u64>,
    pub term: Term,
    /// The last batch that the snapshot contains.
    pub base: Lsn,
    pub records: u64,
    pub snapshot_bytes: u64,
}

impl FileHeader {
    pub const LEN: usize = 64;
    const MAGIC: [u8; 4] = *b"RKML";
    /// Written; version 1 is read, too.
    const VERSION: u16 = 2;
    /// Bits of a secret: as many as all versions have room for.
    pub const SECRET_BITS: u32 = 48;

    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[4..8].copy_from_slice(&Self::MAGIC);
        bytes[8..10].copy_from_slice(&Self::VERSION.to_le_bytes());
        bytes[10..16].copy_from_slice(&self.secret.unwrap_or_default().to_le_bytes()[..6]);
        bytes[16..32].copy_from_slice(&self.cluster.to_le_bytes());
        let numbers = [self.term.0, self.base.0, self.records, self.snapshot_bytes];
        for (to, number) in bytes[32..].chunks_exact_mut(8).zip(numbers) {
            to.copy_from_slice(&number.to_le_bytes());
        }
        let crc = crc32c(&bytes[4..]);
        bytes[..4].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(super) fn decode(file: &[u8]) -> Result<Self, Damage> {
        let bytes: &[u8; Self::LEN] = file.first_chunk().ok_or(Damage::new(0, "the header is cut off"))?;
        if bytes[4..8] != Self::MAGIC {
            return Err(Damage::new(0, "the magic is missing"));
        }
        if le::u32(bytes, 0) != crc32c(&bytes[4..]) {
            return Err(Damage::new(0, "the checksum of the header is wrong"));
        }
        let version = u16::from_le_bytes([bytes[8], bytes[9]]);
        let number = le::u64(bytes, 8) >> 16;
        let secret = match version {
            1 if number == 0 => None,
            1 => return Err(Damage::new(0, "the header says what no header says")),
            Self::VERSION => Some(number),
            _ => return Err(Damage::Version(version)),
        };
        let header = Self {
            secret,
            cluster: u128::from(le::u64(bytes, 16)) | u128::from(le::u64(bytes, 24)) << 64,
            term: Term(le::u64(bytes, 32)),
            base: Lsn(le::u64(bytes, 40)),
            records: le::u64(bytes, 48),
            snapshot_bytes: le::u64(bytes, 56),
        };
        if header.term == Term(0) {
            return Err(Damage::new(0, "the header says what no header says"));
        }
        Ok(header)
    }
}

const _: () = assert!(FileHeader::LEN == 4 + 4 + 2 + FileHeader::SECRET_BITS as usize / 8 + 16 + 4 * 8);
