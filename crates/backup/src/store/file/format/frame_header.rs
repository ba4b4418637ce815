//! What is in a frame.

use super::{
    PAGE_BYTES, check, check_len, check_version, check_zeros, flag, put, put_replica, replica_at, seal,
    u16_at, u32_at, u64_at,
};
use crate::store::ReplicaState;
use rekindle_log::{
    Certificate, crc32c, crc32c_append,
    segment::{CAPACITY_MAX, Corrupt},
};
use rekindle_types::ReplicaId;

/// Bytes of a segment in one block; the last one may have fewer.
pub(crate) const BLOCK_BYTES: usize = 64 << 10;

/// How a block's bytes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Codec {
    /// As they are.
    Stored = 0,
}

/// One block of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Of the stored bytes, seeded (J3).
    pub(crate) checksum: u32,
    /// How many are stored.
    pub(crate) stored: u32,
    /// How.
    pub(crate) codec: Codec,
}

/// Names the replica in a frame and vouches for its blocks. Two copies at the frame's start, written as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Which replica.
    pub replica: ReplicaId,
    /// Number of the image, never used twice: of two frames of one replica the higher counts (J4).
    pub generation: u64,
    /// Capacity of the segment.
    pub capacity: u32,
    /// What of it is valid: the image ends with it.
    pub certificate: Certificate,
    /// Whether the replica was closed.
    pub state: ReplicaState,
    /// Read first in recovery.
    pub primary: bool,
    /// Bytes from the segment's start that hold its digest entry; zero for none.
    pub digest_end: u32,
    pub(crate) blocks: Vec<Block>,
}

impl FrameHeader {
    const MAGIC: [u8; 4] = *b"RKF1";
    const BLOCKS: usize = 64;
    const BLOCK_LEN: usize = 9;

    /// Bytes of one copy in a store with segments of so many bytes.
    #[must_use]
    pub fn encoded_len(segment_bytes: u32) -> usize {
        let blocks = (segment_bytes as usize).div_ceil(BLOCK_BYTES);
        (Self::BLOCKS + blocks * Self::BLOCK_LEN + 4).next_multiple_of(PAGE_BYTES)
    }

    /// Writes one copy of `len` bytes, which its blocks must fit.
    #[must_use]
    pub fn encode(&self, len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        put(&mut out, 0, &Self::MAGIC);
        put(&mut out, 4, &1_u16.to_le_bytes());
        put_replica(&mut out, self.replica);
        put(&mut out, 32, &self.generation.to_le_bytes());
        put(&mut out, 40, &self.capacity.to_le_bytes());
        put(&mut out, 44, &self.certificate.encode());
        out[52] = u8::from(self.state == ReplicaState::Closed);
        out[53] = u8::from(self.primary);
        put(&mut out, 56, &(self.blocks.len() as u32).to_le_bytes());
        put(&mut out, 60, &self.digest_end.to_le_bytes());
        for (at, block) in self.blocks.iter().enumerate() {
            let at = Self::BLOCKS + at * Self::BLOCK_LEN;
            put(&mut out, at, &block.checksum.to_le_bytes());
            put(&mut out, at + 4, &block.stored.to_le_bytes());
            out[at + 8] = block.codec as u8;
        }
        seal(&mut out);
        out
    }

    /// Reads a copy back, or says exactly what is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        check_len("frame header", bytes, PAGE_BYTES)?;
        check("frame header", bytes, Self::MAGIC)?;
        check_version(u16_at(bytes, 4))?;
        let certificate = Certificate::decode(&bytes[44..])?;
        let capacity = u32_at(bytes, 40);
        let count = u32_at(bytes, 56) as usize;
        let impossible = |what, got: u64| Err(Corrupt::Value { what, got });
        if capacity > CAPACITY_MAX || certificate.length > capacity {
            return impossible("certificate's length in the capacity", u64::from(certificate.length));
        }
        if count != (certificate.length as usize).div_ceil(BLOCK_BYTES) {
            return impossible("number of blocks", count as u64);
        }
        check_len("blocks", bytes, Self::BLOCKS + count * Self::BLOCK_LEN + 4)?;
        let digest_end = u32_at(bytes, 60);
        if digest_end > certificate.length {
            return impossible("end of the digest", u64::from(digest_end));
        }
        check_zeros("reserved bytes", &bytes[54..56])?;
        check_zeros(
            "bytes behind the blocks",
            &bytes[Self::BLOCKS + count * Self::BLOCK_LEN..bytes.len() - 4],
        )?;
        let blocks = (0..count).map(|at| {
            let entry = &bytes[Self::BLOCKS + at * Self::BLOCK_LEN..][..Self::BLOCK_LEN];
            let length = (certificate.length as usize - at * BLOCK_BYTES).min(BLOCK_BYTES);
            Block::decode_entry(entry, length as u32)
        });
        Ok(Self {
            replica: replica_at(bytes),
            generation: u64_at(bytes, 32),
            capacity,
            certificate,
            state: if flag("state", bytes[52])? { ReplicaState::Closed } else { ReplicaState::Open },
            primary: flag("primary", bytes[53])?,
            digest_end,
            blocks: blocks.collect::<Result<_, _>>()?,
        })
    }

    /// J3: the checksum of a block, which says where it belongs, too: that of its bytes followed by log, segment
    /// and generation.
    pub(crate) fn checksum(replica: ReplicaId, generation: u64, stored: &[u8]) -> u32 {
        let mut seed = [0; 26];
        put(&mut seed, 0, &replica.log.server.0.to_le_bytes());
        put(&mut seed, 8, &replica.log.index.to_le_bytes());
        put(&mut seed, 10, &replica.segment.0.to_le_bytes());
        put(&mut seed, 18, &generation.to_le_bytes());
        crc32c_append(crc32c(stored), &seed)
    }

    /// Checks all blocks of an image; says which byte is the first that can't be vouched for.
    pub(crate) fn verify(&self, bytes: &[u8]) -> Result<(), (u32, Corrupt)> {
        if bytes.len() < self.certificate.length as usize {
            let need = self.certificate.length as usize;
            return Err((bytes.len() as u32, Corrupt::Short { what: "image", need, have: bytes.len() }));
        }
        self.verify_start(bytes)
    }

    /// Checks as many blocks as there are bytes of, whole ones, from the image's start.
    pub(crate) fn verify_start(&self, bytes: &[u8]) -> Result<(), (u32, Corrupt)> {
        for (at, (block, stored)) in self.blocks.iter().zip(bytes.chunks(BLOCK_BYTES)).enumerate() {
            let computed = Self::checksum(self.replica, self.generation, stored);
            if computed != block.checksum {
                let corrupt = Corrupt::Crc { what: "block", computed, stored: block.checksum };
                return Err(((at * BLOCK_BYTES) as u32, corrupt));
            }
        }
        Ok(())
    }
}

impl Block {
    /// An entry of the header's table, for a block of so many bytes.
    fn decode_entry(entry: &[u8], length: u32) -> Result<Self, Corrupt> {
        let block = Self { checksum: u32_at(entry, 0), stored: u32_at(entry, 4), codec: Codec::Stored };
        if entry[8] != Codec::Stored as u8 {
            return Err(Corrupt::Value { what: "codec", got: u64::from(entry[8]) });
        }
        if block.stored != length {
            return Err(Corrupt::Value { what: "stored bytes of a block", got: u64::from(block.stored) });
        }
        Ok(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_types::{CreationNumber, LogId, SegmentId, ServerId};

    fn header() -> FrameHeader {
        let replica =
            ReplicaId { log: LogId::of(ServerId(1)), segment: SegmentId(2), creation: CreationNumber(3) };
        let bytes = image();
        let blocks = bytes.chunks(BLOCK_BYTES).map(|stored| Block {
            checksum: FrameHeader::checksum(replica, 4, stored),
            stored: stored.len() as u32,
            codec: Codec::Stored,
        });
        FrameHeader {
            replica,
            generation: 4,
            capacity: 1 << 20,
            certificate: Certificate { length: bytes.len() as u32, checksum: 5 },
            state: ReplicaState::Closed,
            primary: true,
            digest_end: 6,
            blocks: blocks.collect(),
        }
    }

    fn image() -> Vec<u8> {
        (0..3 * BLOCK_BYTES - 100).map(|at| (at / 7) as u8).collect()
    }

    #[test]
    fn headers_come_back_and_every_flipped_bit_is_noticed() {
        let header = header();
        let len = FrameHeader::encoded_len(1 << 20);
        let mut bytes = header.encode(len);
        assert_eq!(FrameHeader::decode(&bytes), Ok(header));
        for at in 0..len {
            bytes[at] ^= 0x20;
            assert!(FrameHeader::decode(&bytes).is_err(), "byte {at}");
            bytes[at] ^= 0x20;
            assert!(FrameHeader::decode(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    /// J3: a block is good in its own place, of its own time, only.
    #[test]
    fn blocks_of_another_place_or_time_are_bad() {
        let (header, bytes) = (header(), image());
        assert_eq!(header.verify(&bytes), Ok(()));
        let block = &bytes[..BLOCK_BYTES];
        let right = header.blocks[0].checksum;
        let other = |change: fn(&mut ReplicaId)| {
            let mut replica = header.replica;
            change(&mut replica);
            FrameHeader::checksum(replica, 4, block)
        };
        assert_ne!(other(|id| id.log.server.0 += 1), right);
        assert_ne!(other(|id| id.log.index += 1), right);
        assert_ne!(other(|id| id.segment.0 += 1), right);
        assert_ne!(FrameHeader::checksum(header.replica, 5, block), right);
        assert_eq!(other(|id| id.creation.0 += 1), right, "the generation tells creations apart");
        let swapped = [&bytes[BLOCK_BYTES..2 * BLOCK_BYTES], block, &bytes[2 * BLOCK_BYTES..]].concat();
        assert_eq!(header.verify(&swapped).map_err(|(at, _)| at), Err(0));
        assert_eq!(
            header.verify(&bytes[..bytes.len() - 1]).map_err(|(at, _)| at),
            Err(bytes.len() as u32 - 1)
        );
    }
}
