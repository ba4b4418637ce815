//! The backup's store, from before the server has its id.

use super::{StorageConfig, StorageEnd, StoreKind};
use rekindle_backup::store::{FileStore, LocalStore, MemoryStore};
use rekindle_env::Env;
use rekindle_types::ServerId;
use std::sync::Arc;

/// A store that is open, and belongs to nobody's present life yet.
pub(super) enum OpenedStore {
    /// In memory: nothing was kept.
    Memory,
    /// In files, under their exclusive lock (F9).
    Files(Arc<FileStore>),
}

impl OpenedStore {
    /// Opens what the configuration names.
    pub(super) async fn open(config: &StorageConfig, env: &Env) -> Result<Self, StorageEnd> {
        match config.store {
            StoreKind::Memory => Ok(Self::Memory),
            StoreKind::Files(settings) => {
                Ok(Self::Files(FileStore::open(env, config.files(settings)).await?))
            }
        }
    }

    /// The id that its data had before.
    pub(super) fn former(&self) -> Option<ServerId> {
        match self {
            Self::Memory => None,
            Self::Files(store) => store.former(),
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
            Self::Files(store) => {
                store.adopt(own).await?;
                Ok(store)
            }
        }
    }
}
