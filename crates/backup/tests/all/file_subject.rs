//! A file store as the subject of the conformance cases.

use rekindle_backup::{
    BackupStore, Durability, FileStore, FileStoreConfig, LocalStore,
    store::conformance::{FRAMES, OWN, Subject},
};
use rekindle_env::{Env, Task};
use rekindle_types::{ReplicaId, ServerList};
use std::sync::Arc;

/// `flip` turns a bit over at a place of a file.
pub struct FileSubject<F> {
    store: Arc<FileStore>,
    flip: F,
    _run: Task,
}

impl<F> FileSubject<F> {
    pub async fn start(env: &Env, config: FileStoreConfig, flip: F) -> Arc<Self> {
        let (store, run) = start(env, config).await;
        Arc::new(Self { store, flip, _run: run })
    }
}

impl<F: Fn(&str, u64) + Send + Sync> Subject for FileSubject<F> {
    fn store(&self) -> Arc<dyn BackupStore> {
        Arc::clone(&self.store) as Arc<dyn BackupStore>
    }

    fn set_servers(&self, list: &ServerList) {
        LocalStore::set_servers(&*self.store, list);
    }

    fn damage(&self, replica: ReplicaId, at: usize) -> bool {
        let place = self.store.place_of(replica, at);
        place.inspect(|(file, offset)| (self.flip)(file, *offset)).is_some()
    }
}

/// What the cases ask for.
pub fn config(durability: Durability) -> FileStoreConfig {
    let config = FileStoreConfig::new(7, "backup");
    FileStoreConfig { segment_bytes: 64 << 10, frames: FRAMES, durability, ..config }
}

/// A store that runs.
pub async fn start(env: &Env, config: FileStoreConfig) -> (Arc<FileStore>, Task) {
    let store = FileStore::open(env, config).await.unwrap();
    store.adopt(OWN).await.unwrap();
    let run = env.spawn.spawn("store", Box::pin(Arc::clone(&store).run(env.clone())));
    (store, run)
}
