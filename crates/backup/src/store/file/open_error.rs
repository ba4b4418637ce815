//! Why a directory can't be this server's store.

use rekindle_env::DiskError;

/// Why a store did not open; says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The configuration contradicts itself or a limit.
    #[error("configuration: {0}")]
    Config(String),
    /// Another process has the directory open.
    #[error("the directory is in use by another process: stop that one, or name another directory")]
    Locked,
    /// The directory belongs to another cluster.
    #[error(
        "the directory belongs to cluster {found:032x}, this is {expected:032x}: name this cluster's directory, or an empty one"
    )]
    OtherCluster {
        /// As stored.
        found: u128,
        /// As configured.
        expected: u128,
    },
    /// The directory belongs to another server.
    #[error(
        "the directory belongs to server {found:?}, this is {expected:?}: name this server's directory, or an empty one"
    )]
    OtherName {
        /// As stored.
        found: String,
        /// As configured.
        expected: String,
    },
    /// The directory was made with other sizes.
    #[error(
        "the directory was made with {what} {found}, configured are {expected}: configure {found}, or name an empty directory"
    )]
    OtherSize {
        /// Which size.
        what: &'static str,
        /// As stored.
        found: u64,
        /// As configured.
        expected: u64,
    },
    /// What is there is neither empty nor a store.
    #[error(
        "{file:?} is damaged ({why}): restore it, or name an empty directory; the cluster has copies of what was here"
    )]
    Damaged {
        /// Which file.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// There is no space for the frames.
    #[error(
        "no space for {bytes} bytes of frames: free some, configure fewer frames, or name a directory on another device"
    )]
    NoSpace {
        /// Bytes needed.
        bytes: u64,
    },
    /// The directory can't be read or written.
    #[error("the directory can't be used ({0}): check that it exists, its permissions, and the device")]
    Disk(DiskError),
}

impl From<DiskError> for OpenError {
    fn from(error: DiskError) -> Self {
        match error {
            DiskError::Locked(_) => Self::Locked,
            other => Self::Disk(other),
        }
    }
}
