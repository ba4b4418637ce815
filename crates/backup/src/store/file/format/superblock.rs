//! Whose directory it is.

use super::{
    PAGE_BYTES, check, check_len, check_version, check_zeros, flag, put, seal, u16_at, u32_at, u64_at,
};
use rekindle_log::segment::Corrupt;
use rekindle_types::ServerId;

/// Whose directory it is, and how it is laid out. Two copies, written in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// The cluster.
    pub cluster: u128,
    /// The server's name.
    pub name: String,
    /// The id that the server had last; none before its first.
    pub server: Option<ServerId>,
    /// Grows with every superblock written: of two the higher counts.
    pub sequence: u64,
    /// Grows with every start that took an id: seeds the generations of frames and journals.
    pub start: u64,
    /// Most bytes of a segment.
    pub segment_bytes: u32,
    /// Most replicas.
    pub frames: u64,
    /// What every journal record carries and no master knows: bytes that one wrote are no record (J2).
    pub secret: u64,
}

impl Superblock {
    /// Bytes of one.
    pub const LEN: usize = PAGE_BYTES;
    const MAGIC: [u8; 4] = *b"RKB1";
    const NAME: usize = 72;

    /// Writes it. A name longer than 255 bytes is cut.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; Self::LEN];
        let name = &self.name.as_bytes()[..self.name.len().min(255)];
        put(&mut out, 0, &Self::MAGIC);
        put(&mut out, 4, &1_u16.to_le_bytes());
        put(&mut out, 6, &(name.len() as u16).to_le_bytes());
        put(&mut out, 8, &self.cluster.to_le_bytes());
        put(&mut out, 24, &self.server.map_or(0, |id| id.0).to_le_bytes());
        put(&mut out, 32, &self.sequence.to_le_bytes());
        put(&mut out, 40, &self.start.to_le_bytes());
        put(&mut out, 48, &self.segment_bytes.to_le_bytes());
        put(&mut out, 52, &self.frames.to_le_bytes());
        out[60] = u8::from(self.server.is_some());
        put(&mut out, 64, &self.secret.to_le_bytes());
        put(&mut out, Self::NAME, name);
        seal(&mut out);
        out
    }

    /// Reads it back, or says exactly what is wrong with it. Reads `LEN` bytes at most.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        check_len("superblock", bytes, Self::LEN)?;
        let bytes = &bytes[..Self::LEN];
        check("superblock", bytes, Self::MAGIC)?;
        check_version(u16_at(bytes, 4))?;
        let name_len = usize::from(u16_at(bytes, 6));
        if name_len == 0 || name_len > 255 {
            return Err(Corrupt::Value { what: "length of the name", got: name_len as u64 });
        }
        let (name, rest) = bytes[Self::NAME..Self::LEN - 4].split_at(name_len);
        let name = std::str::from_utf8(name).map_err(|bad| Corrupt::Value {
            what: "name, UTF-8 up to byte",
            got: bad.valid_up_to() as u64,
        })?;
        check_zeros("reserved bytes", &bytes[61..64])?;
        check_zeros("bytes behind the name", rest)?;
        let has_server = flag("has an id", bytes[60])?;
        if !has_server {
            check_zeros("absent id", &bytes[24..32])?;
        }
        let server = has_server.then(|| ServerId(u64_at(bytes, 24)));
        Ok(Self {
            cluster: u128::from_le_bytes(bytes[8..24].try_into().expect("sixteen bytes")),
            name: name.to_owned(),
            server,
            sequence: u64_at(bytes, 32),
            start: u64_at(bytes, 40),
            segment_bytes: u32_at(bytes, 48),
            frames: u64_at(bytes, 52),
            secret: u64_at(bytes, 64),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn superblock(server: Option<ServerId>) -> Superblock {
        Superblock {
            cluster: 7,
            name: "backup".into(),
            server,
            sequence: 4,
            start: 2,
            segment_bytes: 8 << 20,
            frames: 9,
            secret: 0x0123_4567_89ab_cdef,
        }
    }

    #[test]
    fn what_decodes_encodes_to_the_same_bytes() {
        for server in [None, Some(ServerId(5))] {
            let bytes = superblock(server).encode();
            let found = Superblock::decode(&bytes).unwrap();
            assert_eq!((&found, found.encode()), (&superblock(server), bytes));
        }
    }

    #[test]
    fn an_id_that_is_said_to_be_absent_is_refused() {
        let mut bytes = superblock(Some(ServerId(5))).encode();
        bytes[60] = 0;
        seal(&mut bytes);
        let refused = Superblock::decode(&bytes);
        assert_eq!(refused, Err(Corrupt::Value { what: "absent id", got: 5 }));
    }
}
