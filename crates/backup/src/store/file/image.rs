//! A replica in a frame: how it is written, and read.

use super::{
    format::{BLOCK_BYTES, Block, Codec, FrameHeader, PAGE_BYTES},
    frames::{FrameIndex, Layout},
    group_sync::GroupSync,
};
use crate::store::{BackupError, ReplicaState, filter::digest_end};
use bytes::Bytes;
use rekindle_env::{Device, DiskError};
use rekindle_log::Certificate;
use rekindle_types::{ReplicaId, Rule, Rules};
use std::{ops::Range, sync::Arc};

/// What is to be in a frame. It takes nothing any more.
#[derive(Clone, Debug)]
pub(super) struct Image {
    pub(super) replica: ReplicaId,
    pub(super) state: ReplicaState,
    pub(super) capacity: u32,
    pub(super) primary: bool,
    pub(super) certificate: Certificate,
    pub(super) bytes: Bytes,
}

impl Image {
    /// Its header; looks at every byte.
    pub(super) fn header(&self, generation: u64) -> FrameHeader {
        let blocks = self.bytes.chunks(BLOCK_BYTES).map(|stored| Block {
            checksum: FrameHeader::checksum(self.replica, generation, stored),
            stored: stored.len() as u32,
            codec: Codec::Stored,
        });
        FrameHeader {
            replica: self.replica,
            generation,
            capacity: self.capacity,
            certificate: self.certificate,
            state: self.state,
            primary: self.primary,
            digest_end: digest_end(self.replica, &self.bytes),
            blocks: blocks.collect(),
        }
    }
}

/// The device of frames.
pub(super) struct FrameDevice {
    pub(super) device: Arc<dyn Device>,
    pub(super) layout: Layout,
    pub(super) syncs: GroupSync,
}

impl FrameDevice {
    /// Bytes of one write.
    const PIECE_BYTES: usize = 1 << 20;

    /// Writes a replica to a frame whose former header is durably gone. When this returns the replica is durable.
    pub(super) async fn write(
        &self,
        frame: FrameIndex,
        header: &FrameHeader,
        bytes: &Bytes,
        rules: Rules,
    ) -> Result<(), DiskError> {
        let mut at = 0;
        while at < bytes.len() {
            let end = bytes.len().min(at + Self::PIECE_BYTES);
            let piece = padded(bytes, at..end);
            self.device.write_at(self.layout.blocks(frame) + at as u64, piece).await?;
            at = end;
        }
        // J4: the header is there only when all that it vouches for is.
        if rules.on(Rule::J4) {
            self.sync().await?;
        }
        let copy = header.encode(self.layout.header_bytes);
        self.device.write_at(self.layout.header(frame), [&copy[..], &copy].concat().into()).await?;
        self.sync().await
    }

    /// Takes the header out of a frame, not yet durably.
    pub(super) async fn wipe(&self, frame: FrameIndex) -> Result<(), DiskError> {
        let zeros = Bytes::from(vec![0; 2 * self.layout.header_bytes]);
        self.device.write_at(self.layout.header(frame), zeros).await
    }

    /// Makes everything written so far durable. A full disk that shows here only has cost what was written.
    pub(super) async fn sync(&self) -> Result<(), DiskError> {
        let result = self.syncs.cover(|| self.device.sync()).await;
        result.map_err(|error| DiskError::Io(format!("sync of the frames: {error}")))
    }

    /// The header of a frame; `Err` when there is something that is none.
    pub(super) async fn header(
        &self,
        frame: FrameIndex,
    ) -> Result<Result<Option<FrameHeader>, String>, DiskError> {
        let len = self.layout.header_bytes;
        let copies = self.device.read_at(self.layout.header(frame), 2 * len).await?;
        // Page by page: comparing slices is many times faster than looking at bytes, and most frames are empty.
        if copies.chunks(PAGE_BYTES).all(|page| page == &[0; PAGE_BYTES][..page.len()]) {
            return Ok(Ok(None));
        }
        let first = FrameHeader::decode(&copies[..len]);
        let header = first.or_else(|_| FrameHeader::decode(&copies[len..]));
        Ok(header.map(Some).map_err(|corrupt| corrupt.to_string()))
    }

    /// Reads an image up to `length` bytes, as they are: [`FrameHeader::verify`] comes next.
    pub(super) async fn read(&self, frame: FrameIndex, length: usize) -> Result<Bytes, DiskError> {
        let stored = length.next_multiple_of(PAGE_BYTES);
        Ok(self.device.read_at(self.layout.blocks(frame), stored).await?.slice(..length))
    }
}

/// A range, up to the end of its last page with zeros behind it: devices write whole pages.
fn padded(bytes: &Bytes, range: Range<usize>) -> Bytes {
    let piece = bytes.slice(range);
    if piece.len().is_multiple_of(PAGE_BYTES) {
        return piece;
    }
    let mut padded = piece.to_vec();
    padded.resize(piece.len().next_multiple_of(PAGE_BYTES), 0);
    padded.into()
}

/// What a frame that can't be read means for who asked.
pub(super) fn damaged(replica: ReplicaId, at: u32, why: &impl ToString) -> BackupError {
    BackupError::Damaged { replica, at, why: why.to_string() }
}
