//! A file store on a node of a simulated world, life after life.

use super::faulty_dir::{Call, Fate, Faults, FaultyDir};
use rekindle_backup::store::conformance::{Image, MASTER, write};
use rekindle_backup::{
    BackupError, BackupStore, Durability, FileStore, FileStoreConfig, Fill, LocalStore, OpenError,
    ReplicaInfo, ReplicaWrite,
};
use rekindle_env::{
    Env, Task,
    memory::{Crash, Node, World},
};
use rekindle_types::{ListVersion, LogId, ServerEntry, ServerId, ServerList};
use std::sync::Arc;

pub struct FileRig {
    pub world: World,
    pub node: Node,
    pub config: FileStoreConfig,
    /// Of the next life.
    pub id: u64,
    /// What happens to the store's disk calls.
    pub faults: Arc<Faults>,
}

/// One life of the store.
pub struct FileLife {
    pub store: Arc<FileStore>,
    run: Option<Task>,
}

impl FileRig {
    pub fn new(durability: Durability) -> Self {
        let world = World::new(1);
        let node = world.node("backup");
        let config = FileStoreConfig::new(7, "backup");
        let config = FileStoreConfig { segment_bytes: 64 << 10, frames: 8, durability, ..config };
        Self { world, node, config, id: 9, faults: Arc::default() }
    }

    pub fn env(&self) -> Env {
        let env = if self.node.is_up() { self.node.env() } else { self.node.restart() };
        let dir = FaultyDir { dir: Arc::clone(&env.dir), faults: Arc::clone(&self.faults) };
        Env { dir: Arc::new(dir), ..env }
    }

    /// Opens the directory and does nothing more.
    pub fn open(&self) -> Result<Arc<FileStore>, OpenError> {
        let env = self.env();
        self.world.block_on(FileStore::open(&env, self.config.clone()))
    }

    /// Opens it and takes an id; masters 1 to 3 are up.
    pub fn start(&mut self) -> FileLife {
        let store = self.open().unwrap();
        self.world.block_on(store.adopt(ServerId(self.id))).unwrap();
        let env = self.env();
        let run = env.spawn.spawn("store", Box::pin(Arc::clone(&store).run(env.clone())));
        store.set_servers(&self.servers(self.id, &[1, 2, 3]));
        self.id += 1;
        FileLife { store, run: Some(run) }
    }

    /// A list of these masters and this backup; all others have left.
    pub fn servers(&self, own: u64, masters: &[u64]) -> ServerList {
        let up = |id: &u64| ServerEntry::up(ServerId(*id), format!("server-{id}"));
        let entries = masters.iter().chain([&own]).map(up);
        ServerList::new(ListVersion(100 * own - masters.len() as u64), ServerId(own + 1), entries)
    }

    /// Lets so many syncs of frames through, the others wait.
    pub fn let_through(&self, mut syncs: u32) {
        self.faults.set(move |call| match call {
            Call::SyncDevice if syncs == 0 => Fate::Stall,
            Call::SyncDevice => {
                syncs -= 1;
                Fate::Done
            }
            _ => Fate::Done,
        });
        self.world.run_until_idle();
    }

    /// Lets journals get their marks.
    pub fn fall_idle(&self) {
        self.world.run_for(self.config.mark_after);
    }

    pub fn crash(&self, life: FileLife, crash: Crash) {
        drop(life);
        self.node.kill_with(crash);
    }

    pub fn write(&self, life: &FileLife, call: ReplicaWrite) -> Result<(), BackupError> {
        self.world.block_on(life.store.write(call))
    }

    pub fn list(&self, store: &FileStore, log: LogId) -> Vec<ReplicaInfo> {
        self.world.block_on(store.inventory(log, ListVersion(1))).unwrap()
    }
}

impl FileLife {
    /// Ends the process, in order or not.
    pub fn stop(mut self) {
        if let Some(run) = self.run.take() {
            run.stop();
        }
    }
}

/// A head in segment 5, as it begins.
pub fn head() -> Image {
    Image::head(MASTER, 5, &[])
}

/// And with an object.
pub fn longer() -> Image {
    head().object(1, "a", "one", 1)
}

/// Opens a replica that grows, with all of an image.
pub fn opened(image: &Image, creation: u64) -> ReplicaWrite {
    write(image, creation, Some(Fill::Growing), false)
}

/// The write that takes a replica from one prefix to the next.
pub fn appended(from: &Image, to: &Image, creation: u64, close: bool) -> ReplicaWrite {
    let offset = from.bytes().len();
    ReplicaWrite {
        offset: offset as u32,
        bytes: to.bytes().slice(offset..),
        ..write(to, creation, None, close)
    }
}
