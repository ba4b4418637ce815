//! What a store on files is made with.

use rekindle_log::segment::{CAPACITY_MAX, CAPACITY_MIN, CAPACITY_UNIT};
use rekindle_types::Rules;
use std::time::Duration;

/// What an answered append has survived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// It is in a journal on the disk: a power failure right after the answer loses nothing.
    #[default]
    Persistent,
    /// It is in memory until the replica closes, or the store is stopped in order (J5).
    Buffered,
}

/// How much a [`super::FileStore`] holds, and for whom it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileStoreConfig {
    /// The cluster: the directory of another one is refused.
    pub cluster: u128,
    /// The server's name, which stays when its id changes: the directory of another one is refused. 1 to 255 bytes.
    pub name: String,
    /// Most bytes of a segment; fixed when the directory is made. Default 8 MiB.
    pub segment_bytes: u32,
    /// Most replicas, open ones and those under re-creation included; fixed when the directory is made. Default
    /// 1,024.
    pub frames: u64,
    /// What an answered append has survived. Default [`Durability::Persistent`].
    pub durability: Durability,
    /// Most replicas whose bytes are in memory: open ones, and closed ones on their way to their frames. An open
    /// beyond that is answered by `NoRoom`. Default 64.
    pub open_max: usize,
    /// Most bytes of filtered entries kept ahead of the recovery masters' loads. Default 64 MiB.
    pub read_ahead_bytes: usize,
    /// Most replicas read and filtered at the same time, ahead of loads or for them. Default 4.
    pub reads_max: usize,
    /// Most frames written at the same time. Default 4.
    pub images_max: usize,
    /// A journal to which nothing was appended for so long gets a record that says how far it is synced (J2): until
    /// then damage to its last record can't be told from a torn tail. Default 100 ms.
    pub mark_after: Duration,
    /// Which protocol rules are in force.
    pub rules: Rules,
}

impl FileStoreConfig {
    /// Longest name in bytes.
    pub const NAME_BYTES_MAX: usize = 255;

    /// The defaults, for a server of a cluster.
    #[must_use]
    pub fn new(cluster: u128, name: impl Into<String>) -> Self {
        Self {
            cluster,
            name: name.into(),
            segment_bytes: 8 << 20,
            frames: 1024,
            durability: Durability::default(),
            open_max: 64,
            read_ahead_bytes: 64 << 20,
            reads_max: 4,
            images_max: 4,
            mark_after: Duration::from_millis(100),
            rules: Rules::default(),
        }
    }

    /// What is wrong with it.
    pub(super) fn check(&self) -> Result<(), String> {
        let segment = self.segment_bytes;
        if !(CAPACITY_MIN..=CAPACITY_MAX).contains(&segment) || !segment.is_multiple_of(CAPACITY_UNIT) {
            return Err(format!(
                "segment_bytes is {segment}: choose a multiple of {CAPACITY_UNIT} from {CAPACITY_MIN} to {CAPACITY_MAX}"
            ));
        }
        if self.name.is_empty() || self.name.len() > Self::NAME_BYTES_MAX {
            return Err(format!(
                "the name has {} bytes: choose 1 to {}",
                self.name.len(),
                Self::NAME_BYTES_MAX
            ));
        }
        for (what, limit) in [("frames", self.frames), ("open_max", self.open_max as u64)] {
            if limit == 0 {
                return Err(format!("{what} is 0: choose at least 1"));
            }
        }
        if self.reads_max == 0 || self.images_max == 0 {
            return Err("reads_max and images_max must be at least 1".into());
        }
        Ok(())
    }
}
