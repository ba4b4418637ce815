//! Configuration of a log.

use crate::segment::{CAPACITY_MAX, CAPACITY_MIN, CAPACITY_UNIT, Digest, SegmentHeader, TabletStats};
use rekindle_types::{LogId, Rules};

/// How a log is made.
#[derive(Clone, Copy, Debug)]
pub struct LogConfig {
    /// Its name.
    pub log: LogId,
    /// Bytes of a segment: 64 KiB to 64 MiB, a multiple of 4 KiB. Default 8 MiB.
    pub segment_bytes: u32,
    /// Most segments in memory, heads and side segments together. Default 64.
    pub segments_max: u32,
    /// Segments that only writes which do not grow may take when the rest is full (L2). Default 1.
    pub reserve_segments: u32,
    /// Segments that only cleaning may take, so that it can always go on. Default 0: a log that is never cleaned.
    pub survivor_segments: u32,
    /// Rules in force.
    pub rules: Rules,
}

/// A configuration that can't work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Correct `segment_bytes`.
    #[error(
        "segments of {got} bytes: {CAPACITY_MIN} to {CAPACITY_MAX} in steps of {CAPACITY_UNIT} are possible"
    )]
    SegmentBytes {
        /// As configured.
        got: u32,
    },
    /// Larger segments, or less memory: a log may have twice as many segments as its memory (H7, L3).
    #[error("a digest of {segments} segments takes {need} bytes, half a segment is {room}")]
    DigestTooLarge {
        /// Most segments of the log.
        segments: u32,
        /// Bytes of the digest.
        need: usize,
        /// Bytes that it may have.
        room: usize,
    },
    /// Fewer or smaller segments: the system refuses to reserve so much memory.
    #[error("no {bytes} bytes of memory")]
    NoMemory {
        /// As configured.
        bytes: u64,
    },
    /// More segments.
    #[error("{got} segments, at least {need} are needed")]
    TooFewSegments {
        /// As configured.
        got: u32,
        /// At least.
        need: u32,
    },
    /// Fewer segments: slots are numbered with 22 bits.
    #[error("{got} segments, at most {max} are possible")]
    TooManySegments {
        /// As configured.
        got: u32,
        /// At most.
        max: u32,
    },
}

/// Frames that only forced head switches may take (hurt heads, side-log commits): appends and side segments
/// never eat them.
pub(super) const HEAD_RESERVE: usize = 2;
/// Frames for emergency heads, beyond `segments_max`.
pub(super) const EMERGENCY_FRAMES: u32 = 2;
/// Segments that every log needs: three heads and the reserve.
const SEGMENTS_MIN: u32 = 3 + HEAD_RESERVE as u32;
/// Slots have 22 bits.
const SEGMENTS_MAX: u32 = (1 << 22) - EMERGENCY_FRAMES;

/// L3: a log has at most so many times the segments that its memory would hold.
pub const LOG_EXPANSION: u32 = 2;

/// Segments that a partition of a dead log takes in another log: what its bytes fill, and one more for what ends of
/// segments, a second lane and tombstones of its own (C4) take.
#[must_use]
pub fn partition_segments(bytes: u64, segment_bytes: u32) -> u64 {
    bytes.div_ceil(u64::from(segment_bytes.max(1))) + 1
}

impl LogConfig {
    /// The defaults, for this log.
    #[must_use]
    pub fn new(log: LogId) -> Self {
        Self {
            log,
            segment_bytes: 8 << 20,
            segments_max: 64,
            reserve_segments: 1,
            survivor_segments: 0,
            rules: Rules::default(),
        }
    }

    /// With survivors set aside for cleaning: the square root of all segments. A pass that has k of them wins when its
    /// victims are less than k/(k+1) alive, so this leaves the most room for data.
    #[must_use]
    pub fn cleaned(self) -> Self {
        Self { survivor_segments: self.segments_max.isqrt().max(1), ..self }
    }

    /// Refuses what can't work.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if !SegmentHeader::is_capacity(self.segment_bytes) {
            return Err(ConfigError::SegmentBytes { got: self.segment_bytes });
        }
        let need = SEGMENTS_MIN.saturating_add(self.reserve_segments).saturating_add(self.survivor_segments);
        if self.segments_max < need {
            return Err(ConfigError::TooFewSegments { got: self.segments_max, need });
        }
        if self.segments_max > SEGMENTS_MAX {
            return Err(ConfigError::TooManySegments { got: self.segments_max, max: SEGMENTS_MAX });
        }
        // H7, L3: the digest of a log as long as it may get fits half a segment.
        let segments = self.log_segments_max();
        let need = Digest::encoded_len(segments as usize);
        let room = self.segment_bytes as usize / 2;
        if need > room {
            return Err(ConfigError::DigestTooLarge { segments, need, room });
        }
        Ok(())
    }

    /// L3: most segments of the log, in memory and compacted to less memory than a segment.
    #[must_use]
    pub fn log_segments_max(&self) -> u32 {
        self.segments_max.saturating_mul(LOG_EXPANSION).saturating_add(EMERGENCY_FRAMES)
    }

    /// Most bytes of a value, and of a key too when that is less than [`crate::segment::KEY_BYTES_MAX`].
    #[must_use]
    pub fn value_bytes_max(&self) -> usize {
        self.segment_bytes as usize / 8
    }

    /// Most bytes of a key.
    #[must_use]
    pub fn key_bytes_max(&self) -> usize {
        self.value_bytes_max().min(crate::segment::KEY_BYTES_MAX)
    }

    /// Bytes of a side segment that are worth a call to the sink: nobody waits for fewer.
    pub(super) fn side_chunk(&self) -> u32 {
        self.segment_bytes / 8
    }

    /// Most tablets that a head tells the sizes of.
    #[must_use]
    pub fn tablet_stats_max(&self) -> usize {
        TabletStats::most_within(self.stats_bytes_max())
    }

    /// Most bytes of TabletStats in a head.
    pub(super) fn stats_bytes_max(&self) -> usize {
        self.segment_bytes as usize / 16
    }

    /// Most bytes of the entries of one append: what fits any fresh head, whatever its digest.
    #[must_use]
    pub fn append_bytes_max(&self) -> usize {
        let own = SegmentHeader::LEN + 32 + self.segment_bytes as usize / 2 + self.stats_bytes_max();
        self.segment_bytes as usize - own
    }
}
