//! The file store does what every store must do, on disks that keep what was synced.

use rekindle_backup::{
    BackupStore, Durability, FileStore, FileStoreConfig, LocalStore,
    store::conformance::{FRAMES, OWN, Subject, cases},
};
use rekindle_env::{Task, memory::World};
use rekindle_types::{ReplicaId, ServerList};
use std::sync::Arc;

/// A store on a node of a world of its own.
struct File {
    store: Arc<FileStore>,
    disk: Arc<rekindle_env::memory::Disk>,
    _run: Task,
}

impl Subject for File {
    fn store(&self) -> Arc<dyn BackupStore> {
        Arc::clone(&self.store) as Arc<dyn BackupStore>
    }

    fn set_servers(&self, list: &ServerList) {
        LocalStore::set_servers(&*self.store, list);
    }

    fn damage(&self, replica: ReplicaId, at: usize) -> bool {
        let Some((file, offset)) = self.store.place_of(replica, at) else { return false };
        self.disk.flip(file, offset, 1).is_ok()
    }
}

fn config(durability: Durability, read_ahead_bytes: usize) -> FileStoreConfig {
    let config = FileStoreConfig::new(7, "backup");
    FileStoreConfig { segment_bytes: 64 << 10, frames: FRAMES, durability, read_ahead_bytes, ..config }
}

#[test]
fn file_store_conforms() {
    for durability in [Durability::Persistent, Durability::Buffered] {
        for read_ahead_bytes in [64 << 20, 500, 0] {
            for (name, case) in cases() {
                println!("{name}, {durability:?}, {read_ahead_bytes} bytes ahead");
                let world = World::new(1);
                let node = world.node("backup");
                let env = node.env();
                world.block_on(async {
                    let store = FileStore::open(&env, config(durability, read_ahead_bytes)).await.unwrap();
                    store.adopt(OWN).await.unwrap();
                    let run = env.spawn.spawn("store", Box::pin(Arc::clone(&store).run(env.clone())));
                    case(Arc::new(File { store, disk: node.disk(), _run: run })).await;
                });
            }
        }
    }
}
