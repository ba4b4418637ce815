//! Where frames are on the device, and which are free.

use super::format::{BLOCK_BYTES, FrameHeader};

/// Number of a frame on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FrameIndex(pub(super) u64);

/// How the device is cut into frames: two copies of the header, then the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) header_bytes: usize,
    frame_bytes: u64,
    pub(super) count: u64,
}

impl Layout {
    /// More frames than replicas: a replica that replaces another is complete before the other's frame is freed
    /// (J4). One more would do; with several such replicas do not wait for each other.
    const SPARE: u64 = 4;

    pub(super) fn new(segment_bytes: u32, frames: u64) -> Self {
        let header_bytes = FrameHeader::encoded_len(segment_bytes);
        let blocks = (segment_bytes as usize).next_multiple_of(BLOCK_BYTES);
        Self {
            header_bytes,
            frame_bytes: (2 * header_bytes + blocks) as u64,
            count: frames.saturating_add(Self::SPARE),
        }
    }

    /// Bytes of the device; none when no device is that large.
    pub(super) fn device_bytes(self) -> Option<u64> {
        self.count.checked_mul(self.frame_bytes).filter(|bytes| i64::try_from(*bytes).is_ok())
    }

    pub(super) fn header(self, frame: FrameIndex) -> u64 {
        frame.0 * self.frame_bytes
    }

    pub(super) fn blocks(self, frame: FrameIndex) -> u64 {
        self.header(frame) + 2 * self.header_bytes as u64
    }
}
