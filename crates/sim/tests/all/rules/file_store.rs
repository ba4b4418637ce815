//! A backup with a disk, for the rules about it.

use rekindle_backup::store::conformance::{OWN, servers};
use rekindle_backup::{BackupStore, FileStore, FileStoreConfig, LocalStore, ReplicaWrite};
use rekindle_env::{
    Task,
    memory::{Node, World},
};
use rekindle_types::Rules;
use std::sync::Arc;

pub struct Backup {
    pub store: Arc<FileStore>,
    run: Task,
}

impl Backup {
    /// Opens the directory of a node.
    pub fn open(world: &World, node: &Node, rules: Rules) -> Result<Arc<FileStore>, String> {
        let config = FileStoreConfig::new(7, "backup");
        let config = FileStoreConfig { segment_bytes: 64 << 10, frames: 8, rules, ..config };
        world.block_on(FileStore::open(&node.env(), config)).map_err(|error| error.to_string())
    }

    /// The first life on a node.
    pub fn start(world: &World, node: &Node, rules: Rules) -> Result<Self, String> {
        let store = Self::open(world, node, rules)?;
        world.block_on(store.adopt(OWN)).map_err(|error| error.to_string())?;
        store.set_servers(&servers(1, &[1, 9], &[]));
        let env = node.env();
        let run = env.spawn.spawn("store", Box::pin(Arc::clone(&store).run(env.clone())));
        Ok(Self { store, run })
    }

    /// Makes a write, waits for its answer, and until the journal has its mark.
    pub fn write(&self, world: &World, write: ReplicaWrite) -> Result<(), String> {
        world.block_on(self.store.write(write)).map_err(|error| error.to_string())?;
        world.run_for(FileStoreConfig::new(7, "backup").mark_after);
        Ok(())
    }

    /// The process is gone.
    pub fn stop(self) {
        self.run.stop();
    }
}
