//! The backup's store, from before the server has its id.

use super::{StorageConfig, StorageEnd};
use rekindle_backup::store::{LocalStore, MemoryStore};
use rekindle_env::Env;
use rekindle_types::ServerId;
use std::sync::Arc;

/// A store that is open, and belongs to nobody's present life yet.
pub(super) enum OpenedStore {
    /// In memory: nothing was kept.
    Memory,
}

impl OpenedStore {
    /// Opens what the configuration names.
    pub(super) async fn open(_config: &StorageConfig, _env: &Env) -> Result<Self, StorageEnd> {
        Ok(Self::Memory)
    }

    /// The id that its data had before.
    pub(super) fn former(&self) -> Option<ServerId> {
        match self {
            Self::Memory => None,
        }
    }

    /// Makes it the backup of this server: from here on its replicas count under the new id.
    pub(super) async fn adopt(
        self,
        config: &StorageConfig,
        own: ServerId,
    ) -> Result<Arc<dyn LocalStore>, StorageEnd> {
        match self {
            Self::Memory => Ok(Arc::new(MemoryStore::new(config.backup(own)))),
        }
    }
}
