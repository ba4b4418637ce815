//! Where frames are on the device, and which are free.

use super::{
    format::{BLOCK_BYTES, FrameHeader},
    group_sync::SyncPoint,
};
use std::collections::BTreeSet;

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
    /// (J4), and frees are synced in groups.
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

/// Frames that hold no replica.
#[derive(Debug, Default)]
pub(super) struct FreeFrames {
    /// No header is there, durably.
    clean: BTreeSet<FrameIndex>,
    /// The header was wiped, and whether durably is to be seen.
    wiped: Vec<(FrameIndex, SyncPoint)>,
}

/// What there is to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    /// This one.
    Frame(FrameIndex),
    /// One, after a sync that covers this point.
    After(SyncPoint),
    /// None now.
    Nothing,
}

impl FreeFrames {
    pub(super) fn add_clean(&mut self, frame: FrameIndex) {
        self.clean.insert(frame);
    }

    pub(super) fn add_wiped(&mut self, frame: FrameIndex, point: SyncPoint) {
        self.wiped.push((frame, point));
    }

    /// J4: a frame is written only when its former header is durably gone, or a crash would show that header
    /// over blocks that are not its own.
    pub(super) fn take(&mut self, is_covered: impl Fn(SyncPoint) -> bool) -> Offer {
        let covered = self.wiped.extract_if(.., |(_, point)| is_covered(*point)).map(|(frame, _)| frame);
        self.clean.extend(covered);
        match (self.clean.pop_first(), self.wiped.first()) {
            (Some(frame), _) => Offer::Frame(frame),
            (None, Some((_, point))) => Offer::After(*point),
            (None, None) => Offer::Nothing,
        }
    }
}
