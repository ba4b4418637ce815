//! What a meta log in files is told.

use rekindle_types::Rules;

/// Whose log it is, and its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileMetaLogConfig {
    /// The cluster: a directory of another one is refused.
    pub cluster: u128,
    /// So much garbage is never worth a new file, even if less is live. Default 1 MiB.
    pub garbage_bytes_min: u64,
    /// Which protocol rules are in force.
    pub rules: Rules,
}

impl FileMetaLogConfig {
    /// The defaults for a cluster.
    #[must_use]
    pub fn new(cluster: u128) -> Self {
        Self { cluster, garbage_bytes_min: 1 << 20, rules: Rules::default() }
    }
}
