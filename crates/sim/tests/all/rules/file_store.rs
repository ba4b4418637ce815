//! A backup with a disk, for the rules about it.

use rekindle_backup::store::conformance::{Image, MASTER, OWN, servers, write};
use rekindle_backup::{BackupStore, FileStore, FileStoreConfig, Fill, LocalStore, ReplicaInfo, ReplicaWrite};
use rekindle_env::{
    Task,
    memory::{Crash, Node, World},
};
use rekindle_types::{ListVersion, Rules};
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

    /// The process is gone.
    pub fn stop(self) {
        self.run.stop();
    }
}

/// The file of the head's records.
pub const JOURNAL: &str = "journal-1-0-5-1";

/// A master opens its head and appends to it, both are answered, and the journal gets its marks; then the backup's
/// process ends, and its power fails so. Gives what was acknowledged.
pub fn acknowledge_an_append(
    world: &World,
    node: &Node,
    crash: Crash,
    rules: Rules,
) -> Result<Image, String> {
    let backup = Backup::start(world, node, rules)?;
    let first = Image::head(MASTER, 5, &[]);
    let second = first.clone().object(1, "key", "acknowledged", 1);
    let offset = first.bytes().len();
    let append = write(&second, 1, None, false);
    let append = ReplicaWrite { offset: offset as u32, bytes: second.bytes().slice(offset..), ..append };
    for call in [write(&first, 1, Some(Fill::Growing), false), append] {
        world.block_on(backup.store.write(call)).map_err(|error| error.to_string())?;
        world.run_for(FileStoreConfig::new(7, "backup").mark_after);
    }
    backup.stop();
    node.kill_with(crash);
    node.restart();
    Ok(second)
}

/// What a store lists of that master.
pub fn listed(world: &World, store: &FileStore) -> Result<Vec<ReplicaInfo>, String> {
    world.block_on(store.inventory(MASTER, ListVersion(1))).map_err(|error| error.to_string())
}
