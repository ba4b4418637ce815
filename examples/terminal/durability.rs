//! When a write counts as safe, as it is said on a command line.

use clap::ValueEnum;
use rekindle::cluster::local;

/// When a write counts as safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Durability {
    /// On the disks of R backups
    Persistent,
    /// In the memories of R backups
    Buffered,
}

impl Durability {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Persistent => "persistent",
            Self::Buffered => "buffered",
        }
    }
}

impl From<Durability> for local::Durability {
    fn from(durability: Durability) -> Self {
        match durability {
            Durability::Persistent => Self::Persistent,
            Durability::Buffered => Self::Buffered,
        }
    }
}
