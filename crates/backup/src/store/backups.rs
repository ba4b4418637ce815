//! Where the backups of a cluster are found.

use super::BackupStore;
use rekindle_types::ServerId;
use std::sync::Arc;

/// Finds a server's backup: the local store, or the stub of a remote one. Asked by the replicator and by
/// recovery masters.
///
/// It never fails: calls to a server that is gone end with [`super::BackupError::Remote`].
pub trait Backups: Send + Sync {
    /// The backup of this server.
    fn store(&self, server: ServerId) -> Arc<dyn BackupStore>;
}
