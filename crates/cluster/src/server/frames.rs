//! Whether a backup has frames for a cluster of servers like its own (L3).

use super::StorageConfig;
use std::fmt;

/// A backup with too few frames: some day segments find no backup, and recoveries go one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameShortage {
    /// Frames that it has.
    pub frames: u64,
    /// Frames that it should have.
    pub needed: u64,
    /// R.
    pub replicas: u32,
    /// Bytes of memory for which the frames would do.
    pub memory_bytes: u64,
}

impl FrameShortage {
    /// Of a server with these settings, in a cluster of equal ones with so many replicas; `None` when there are enough.
    #[must_use]
    pub fn of(config: &StorageConfig, replicas: u32) -> Option<Self> {
        let (frames, needed) = (config.frames(), config.frames_needed(replicas));
        // What is needed grows by 2 x R x E with each segment.
        let per_segment = 2 * u64::from(replicas) * u64::from(rekindle_log::LOG_EXPANSION);
        let excess = needed.saturating_sub(frames).div_ceil(per_segment.max(1));
        let segments = u64::from(config.segments_max()).saturating_sub(excess);
        let memory_bytes = segments * u64::from(config.segment_bytes);
        (frames < needed).then_some(Self { frames, needed, replicas, memory_bytes })
    }
}

impl fmt::Display for FrameShortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { frames, needed, replicas, memory_bytes } = self;
        write!(
            f,
            "the backup has {frames} frames; among servers with as much memory, and {replicas} replicas, it needs {needed}: "
        )?;
        write!(f, "give it {needed} frames, or every server at most {memory_bytes} bytes of memory")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ClusterId;

    fn config(memory_bytes: u64, backup_frames: Option<u64>) -> StorageConfig {
        let config = StorageConfig::new(ClusterId(1), "a", "a:1", ["c:1".to_owned()]);
        StorageConfig { memory_bytes, backup_frames, ..config }
    }

    #[test]
    fn frames_follow_from_memory() {
        // 64 segments in memory make a log of 130 at most, on three backups, twice, and 64 to spare.
        assert_eq!(config(512 << 20, None).frames(), 2 * 3 * 130 + 64);
        for memory in [512 << 20, 8 << 30] {
            (0..=3).for_each(|replicas| assert_eq!(FrameShortage::of(&config(memory, None), replicas), None));
            assert!(FrameShortage::of(&config(memory, None), 4).is_some());
        }
    }

    #[test]
    fn too_few_frames_are_named_with_what_would_do() {
        let short = FrameShortage::of(&config(512 << 20, Some(400)), 3).unwrap();
        assert_eq!((short.frames, short.needed), (400, 844));
        assert!(short.to_string().contains("give it 844 frames, or every server at most"), "{short}");
        assert_eq!(FrameShortage::of(&config(short.memory_bytes, Some(400)), 3), None, "it would do indeed");
        assert!(FrameShortage::of(&config(short.memory_bytes + (8 << 20), Some(400)), 3).is_some());
        assert_eq!(FrameShortage::of(&config(512 << 20, Some(844)), 3), None);
    }
}
