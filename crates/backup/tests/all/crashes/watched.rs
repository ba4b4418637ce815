//! A directory that counts syncs, stops the process at one of them, and leaves out those of one class.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::pending;
use parking_lot::Mutex;
use rekindle_env::{Device, Dir, DirLock, DiskError};
use std::sync::Arc;
use tokio::sync::Notify;

/// What a sync is for: the last thing that was done before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Records in a journal.
    Journal,
    /// A journal's name came.
    NameCame,
    /// A journal's name went.
    NameWent,
    /// Names of the devices of a new directory.
    Devices,
    /// A superblock.
    Superblock,
    /// Blocks of a frame.
    Blocks,
    /// The header of a frame.
    Header,
    /// A header was taken out of a frame.
    Wipe,
    /// Nothing: what a former process wrote and did not sync, of superblocks, frames, journals and names.
    LeftSuperblock,
    LeftFrames,
    LeftJournal,
    LeftNames,
}

impl Class {
    pub const ALL: [Self; 12] = [
        Self::Journal,
        Self::NameCame,
        Self::NameWent,
        Self::Devices,
        Self::Superblock,
        Self::Blocks,
        Self::Header,
        Self::Wipe,
        Self::LeftSuperblock,
        Self::LeftFrames,
        Self::LeftJournal,
        Self::LeftNames,
    ];
}

/// What is to happen at syncs, and what did.
#[derive(Default)]
pub struct Watch {
    state: Mutex<Watched>,
    stopped: Notify,
}

#[derive(Default)]
struct Watched {
    /// Instants before and after each sync so far.
    instants: u64,
    stop_at: Option<u64>,
    is_stopped: bool,
    left_out: Option<Class>,
    seen: std::collections::BTreeSet<Class>,
    last_name: Option<Class>,
    last_write: std::collections::BTreeMap<String, Class>,
}

impl Watch {
    pub fn new(stop_at: Option<u64>, left_out: Option<Class>) -> Arc<Self> {
        let state = Watched { stop_at, left_out, ..Watched::default() };
        Arc::new(Self { state: Mutex::new(state), stopped: Notify::new() })
    }

    /// How many instants there were to stop at.
    pub fn instants(&self) -> u64 {
        self.state.lock().instants
    }

    /// The classes that were there.
    pub fn seen(&self) -> Vec<Class> {
        self.state.lock().seen.iter().copied().collect()
    }

    /// Resolves when the process has been stopped.
    pub async fn stopped(&self) {
        loop {
            let stopped = self.stopped.notified();
            if self.state.lock().is_stopped {
                return;
            }
            stopped.await;
        }
    }

    /// A process that is stopped does nothing any more.
    async fn alive(&self) {
        if self.state.lock().is_stopped {
            pending::<()>().await;
        }
    }

    async fn instant(&self) {
        {
            let mut state = self.state.lock();
            state.instants += 1;
            state.is_stopped |= state.stop_at == Some(state.instants);
        }
        if self.state.lock().is_stopped {
            self.stopped.notify_waiters();
        }
        self.alive().await;
    }

    async fn sync<F: Future<Output = Result<(), DiskError>>>(
        &self,
        class: Class,
        sync: F,
    ) -> Result<(), DiskError> {
        self.alive().await;
        self.state.lock().seen.insert(class);
        if self.state.lock().left_out == Some(class) {
            return Ok(());
        }
        self.instant().await;
        sync.await?;
        self.instant().await;
        Ok(())
    }
}

pub struct WatchedDir {
    pub dir: Arc<dyn Dir>,
    pub watch: Arc<Watch>,
}

struct WatchedDevice {
    name: String,
    device: Arc<dyn Device>,
    watch: Arc<Watch>,
}

#[async_trait]
impl Dir for WatchedDir {
    async fn list(&self) -> Result<Vec<String>, DiskError> {
        self.watch.alive().await;
        self.dir.list().await
    }

    async fn append(&self, name: &str, bytes: Bytes) -> Result<(), DiskError> {
        self.watch.alive().await;
        let is_new = !self.dir.list().await?.iter().any(|file| file == name);
        self.dir.append(name, bytes).await?;
        let mut state = self.watch.state.lock();
        if is_new {
            state.last_name = Some(Class::NameCame);
        }
        state.last_write.insert(name.to_owned(), Class::Journal);
        Ok(())
    }

    async fn read(&self, name: &str) -> Result<Bytes, DiskError> {
        self.watch.alive().await;
        self.dir.read(name).await
    }

    async fn sync_file(&self, name: &str) -> Result<(), DiskError> {
        let class = self.watch.state.lock().last_write.get(name).copied().unwrap_or(Class::LeftJournal);
        self.watch.sync(class, self.dir.sync_file(name)).await
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.watch.alive().await;
        self.dir.rename(from, to).await
    }

    async fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.watch.alive().await;
        self.dir.remove(name).await?;
        self.watch.state.lock().last_name = Some(Class::NameWent);
        Ok(())
    }

    async fn sync(&self) -> Result<(), DiskError> {
        let class = self.watch.state.lock().last_name.take().unwrap_or(Class::LeftNames);
        self.watch.sync(class, self.dir.sync()).await
    }

    async fn device(&self, name: &str, length: u64) -> Result<Arc<dyn Device>, DiskError> {
        self.watch.alive().await;
        let is_new = !self.dir.list().await?.iter().any(|file| file == name);
        let device = self.dir.device(name, length).await?;
        if is_new {
            self.watch.state.lock().last_name = Some(Class::Devices);
        }
        Ok(Arc::new(WatchedDevice { name: name.to_owned(), device, watch: Arc::clone(&self.watch) }))
    }

    async fn lock(&self, name: &str) -> Result<DirLock, DiskError> {
        self.dir.lock(name).await
    }
}

#[async_trait]
impl Device for WatchedDevice {
    fn len(&self) -> u64 {
        self.device.len()
    }

    async fn write_at(&self, offset: u64, bytes: Bytes) -> Result<(), DiskError> {
        self.watch.alive().await;
        let class = match &bytes[..4] {
            b"RKB1" => Class::Superblock,
            b"RKF1" => Class::Header,
            [0, 0, 0, 0] => Class::Wipe,
            _ => Class::Blocks,
        };
        self.device.write_at(offset, bytes).await?;
        self.watch.state.lock().last_write.insert(self.name.clone(), class);
        Ok(())
    }

    async fn read_at(&self, offset: u64, length: usize) -> Result<Bytes, DiskError> {
        self.watch.alive().await;
        self.device.read_at(offset, length).await
    }

    async fn sync(&self) -> Result<(), DiskError> {
        let left = if self.name == "frames" { Class::LeftFrames } else { Class::LeftSuperblock };
        let class = self.watch.state.lock().last_write.remove(&self.name).unwrap_or(left);
        self.watch.sync(class, self.device.sync()).await
    }
}
