//! A directory that stops the world at one of its calls, or leaves out one kind of sync.

use async_trait::async_trait;
use bytes::Bytes;
use rekindle_env::{Device, Dir, DirLock, DiskError, Env};
use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A kind of sync that a meta log makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncClass {
    /// Of the bytes of a file that has its final name.
    File,
    /// Of the bytes of a file that is not whole yet.
    Unfinished,
    /// Of the names.
    Names,
}

/// Where a record is when everything stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nothing of it is on the disk.
    Before,
    /// Half of it is.
    Inside,
    /// It is durable; nobody was told.
    After,
}

/// The call at which everything stops, and whether it still has its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashPoint {
    pub call: u64,
    pub is_done: bool,
}

/// Counts the calls that change something.
#[derive(Default)]
pub struct Faults {
    pub crash: Option<CrashPoint>,
    /// At which record, and where in it.
    pub cut: Option<(u64, Cut)>,
    pub records: AtomicU64,
    pub left_out: Option<SyncClass>,
    pub calls: AtomicU64,
    pub syncs: AtomicU64,
    pub renames: AtomicU64,
    pub has_crashed: AtomicBool,
}

/// What the log under test sees.
pub struct CrashingDir {
    pub dir: Arc<dyn Dir>,
    pub faults: Arc<Faults>,
}

impl CrashingDir {
    /// The same world, with these faults in its directory.
    pub fn within(mut env: Env, faults: &Arc<Faults>) -> Env {
        env.dir = Arc::new(Self { dir: env.dir, faults: Arc::clone(faults) });
        env
    }

    async fn change(&self, change: impl Future<Output = Result<(), DiskError>>) -> Result<(), DiskError> {
        let call = self.faults.calls.fetch_add(1, Ordering::Relaxed);
        let Some(crash) = self.faults.crash.filter(|crash| crash.call == call) else { return change.await };
        if crash.is_done {
            change.await?;
        }
        self.faults.has_crashed.store(true, Ordering::Relaxed);
        pending().await
    }

    async fn sync(
        &self,
        class: SyncClass,
        sync: impl Future<Output = Result<(), DiskError>>,
    ) -> Result<(), DiskError> {
        self.faults.syncs.fetch_add(1, Ordering::Relaxed);
        let is_left_out = self.faults.left_out == Some(class);
        self.change(async { if is_left_out { Ok(()) } else { sync.await } }).await
    }
}

#[async_trait]
impl Dir for CrashingDir {
    async fn list(&self) -> Result<Vec<String>, DiskError> {
        self.dir.list().await
    }

    async fn append(&self, name: &str, bytes: Bytes) -> Result<(), DiskError> {
        self.change(self.dir.append(name, bytes)).await
    }

    async fn append_synced(&self, name: &str, bytes: Bytes) -> Result<(), DiskError> {
        let record = self.faults.records.fetch_add(1, Ordering::Relaxed);
        let cut = self.faults.cut.filter(|(cut, _)| *cut == record).map(|(_, cut)| cut);
        let half = bytes.slice(..bytes.len() / 2);
        match cut {
            None => {
                self.append(name, bytes).await?;
                return self.sync_file(name).await;
            }
            Some(Cut::Before) => {}
            Some(Cut::Inside) => self.dir.append(name, half).await?,
            Some(Cut::After) => self.dir.append_synced(name, bytes).await?,
        }
        self.faults.has_crashed.store(true, Ordering::Relaxed);
        pending().await
    }

    async fn read(&self, name: &str) -> Result<Bytes, DiskError> {
        self.dir.read(name).await
    }

    async fn sync_file(&self, name: &str) -> Result<(), DiskError> {
        let class = if name.ends_with(".new") { SyncClass::Unfinished } else { SyncClass::File };
        self.sync(class, self.dir.sync_file(name)).await
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.faults.renames.fetch_add(1, Ordering::Relaxed);
        self.change(self.dir.rename(from, to)).await
    }

    async fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.change(self.dir.remove(name)).await
    }

    async fn sync(&self) -> Result<(), DiskError> {
        CrashingDir::sync(self, SyncClass::Names, self.dir.sync()).await
    }

    async fn device(&self, name: &str, length: u64) -> Result<Arc<dyn Device>, DiskError> {
        self.dir.device(name, length).await
    }

    async fn lock(&self, name: &str) -> Result<DirLock, DiskError> {
        self.dir.lock(name).await
    }
}
