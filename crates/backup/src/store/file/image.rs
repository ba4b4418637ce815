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

/// What is where a frame's header is.
pub(super) enum Found {
    /// Zeros: the frame is free.
    Nothing,
    Header(FrameHeader),
    /// Something that is no header: torn by a crash before it counted, or damaged. The frame is free.
    Torn(String),
    /// Nobody knows: the disk can't read it. The frame is kept out of use.
    Lost(String),
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

    /// Writes a replica to a frame whose former header is durably gone. When this returns the replica is durable, or,
    /// when the disk is full, the frame is as free as before.
    pub(super) async fn write(
        &self,
        frame: FrameIndex,
        header: &FrameHeader,
        bytes: &Bytes,
        rules: Rules,
    ) -> Result<(), DiskError> {
        self.write_blocks(frame, bytes).await?;
        // J4: the header is there only when all that it vouches for is.
        if rules.on(Rule::J4) {
            self.sync().await?;
        }
        let written = self.write_header(frame, header).await;
        if written == Err(DiskError::Full) {
            // A part of it may be there, one whole copy even.
            self.wipe(frame).await?;
        }
        // J6: whoever wrote it takes its journal away, or answers, once the header is durable.
        if rules.on(Rule::J6) {
            self.sync().await?;
        }
        written
    }

    /// Writes the blocks of a frame again as they are, not yet durably; `false` when they can't be vouched for.
    pub(super) async fn repeat_blocks(
        &self,
        frame: FrameIndex,
        header: &FrameHeader,
    ) -> Result<bool, DiskError> {
        let bytes = match self.read(frame, header.certificate.length as usize).await {
            Ok(bytes) if header.verify(&bytes).is_ok() => bytes,
            Ok(_) | Err(DiskError::Io(_)) => return Ok(false),
            Err(error) => return Err(error),
        };
        self.write_blocks(frame, &bytes).await?;
        Ok(true)
    }

    async fn write_blocks(&self, frame: FrameIndex, bytes: &Bytes) -> Result<(), DiskError> {
        let mut at = 0;
        while at < bytes.len() {
            let end = bytes.len().min(at + Self::PIECE_BYTES);
            let piece = padded(bytes, at..end);
            self.device.write_at(self.layout.blocks(frame) + at as u64, piece).await?;
            at = end;
        }
        Ok(())
    }

    /// Writes both copies of a header, not yet durably.
    pub(super) async fn write_header(
        &self,
        frame: FrameIndex,
        header: &FrameHeader,
    ) -> Result<(), DiskError> {
        let copy = header.encode(self.layout.header_bytes);
        self.device.write_at(self.layout.header(frame), [&copy[..], &copy].concat().into()).await
    }

    /// Takes the header out of a frame, not yet durably.
    pub(super) async fn wipe(&self, frame: FrameIndex) -> Result<(), DiskError> {
        let zeros = Bytes::from(vec![0; 2 * self.layout.header_bytes]);
        match self.device.write_at(self.layout.header(frame), zeros).await {
            Err(DiskError::Full) => self.wipe_pages(frame).await,
            other => other,
        }
    }

    /// The same on a full disk: there is room for the pages that were ever written, and the others read as zeros.
    async fn wipe_pages(&self, frame: FrameIndex) -> Result<(), DiskError> {
        let (start, len) = (self.layout.header(frame), 2 * self.layout.header_bytes);
        for page in (0..len).step_by(PAGE_BYTES) {
            match self.device.write_at(start + page as u64, vec![0; PAGE_BYTES].into()).await {
                Ok(()) | Err(DiskError::Full) => {}
                Err(error) => return Err(error),
            }
        }
        if is_zeros(&self.device.read_at(start, len).await?) {
            Ok(())
        } else {
            Err(DiskError::Io("no space to take a header out of its frame".into()))
        }
    }

    /// Makes everything written so far durable. A full disk that shows here only has cost what was written.
    pub(super) async fn sync(&self) -> Result<(), DiskError> {
        let result = self.syncs.cover(|| self.device.sync()).await;
        result.map_err(|error| DiskError::Io(format!("sync of the frames: {error}")))
    }

    /// What is where the header of a frame is.
    pub(super) async fn header(&self, frame: FrameIndex) -> Result<Found, DiskError> {
        let len = self.layout.header_bytes;
        let copies = match self.device.read_at(self.layout.header(frame), 2 * len).await {
            Err(DiskError::Io(why)) => return self.readable_copy(frame, why).await,
            copies => copies?,
        };
        if is_zeros(&copies) {
            return Ok(Found::Nothing);
        }
        let first = FrameHeader::decode(&copies[..len]);
        let header = first.or_else(|_| FrameHeader::decode(&copies[len..]));
        Ok(header.map_or_else(|corrupt| Found::Torn(corrupt.to_string()), Found::Header))
    }

    /// The header of a frame whose copies can't both be read.
    async fn readable_copy(&self, frame: FrameIndex, why: String) -> Result<Found, DiskError> {
        let len = self.layout.header_bytes;
        for copy in [0, len as u64] {
            match self.device.read_at(self.layout.header(frame) + copy, len).await {
                Ok(bytes) => {
                    if let Ok(header) = FrameHeader::decode(&bytes) {
                        return Ok(Found::Header(header));
                    }
                }
                Err(DiskError::Io(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Found::Lost(why))
    }

    /// Reads an image up to `length` bytes, as they are: [`FrameHeader::verify`] comes next.
    pub(super) async fn read(&self, frame: FrameIndex, length: usize) -> Result<Bytes, DiskError> {
        let stored = length.next_multiple_of(PAGE_BYTES);
        Ok(self.device.read_at(self.layout.blocks(frame), stored).await?.slice(..length))
    }
}

/// Page by page: comparing slices is many times faster than looking at bytes, and most frames are empty.
fn is_zeros(bytes: &[u8]) -> bool {
    bytes.chunks(PAGE_BYTES).all(|page| page == &[0; PAGE_BYTES][..page.len()])
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
