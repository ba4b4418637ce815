//! A directory whose calls fail, or wait, when a test says so.

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use rekindle_env::{Device, Dir, DirLock, DiskError};
use std::sync::Arc;
use tokio::sync::Notify;

/// A call that may fail.
#[derive(Clone, Copy, Debug)]
pub enum Call<'a> {
    Append,
    Remove,
    Read,
    WriteAt(&'a str, &'a [u8]),
    ReadAt(&'a str, u64, usize),
    SyncDevice,
}

/// What becomes of a call.
pub enum Fate {
    Done,
    Fail(DiskError),
    /// Half of what it writes is written, then the disk is full.
    Half,
    /// It waits until something else is decided.
    Stall,
}

type Rule = Box<dyn FnMut(Call<'_>) -> Fate + Send>;

/// What is decided about calls.
#[derive(Default)]
pub struct Faults {
    rule: Mutex<Option<Rule>>,
    changed: Notify,
}

impl Faults {
    pub fn set(&self, rule: impl FnMut(Call<'_>) -> Fate + Send + 'static) {
        *self.rule.lock() = Some(Box::new(rule));
        self.changed.notify_waiters();
    }

    pub fn clear(&self) {
        *self.rule.lock() = None;
        self.changed.notify_waiters();
    }

    /// Gives whether only half of it is to be done.
    async fn meet(&self, call: Call<'_>) -> Result<bool, DiskError> {
        loop {
            let changed = self.changed.notified();
            match self.rule.lock().as_mut().map_or(Fate::Done, |rule| rule(call)) {
                Fate::Done => return Ok(false),
                Fate::Half => return Ok(true),
                Fate::Fail(error) => return Err(error),
                Fate::Stall => {}
            }
            changed.await;
        }
    }
}

pub struct FaultyDir {
    pub dir: Arc<dyn Dir>,
    pub faults: Arc<Faults>,
}

struct FaultyDevice {
    name: String,
    device: Arc<dyn Device>,
    faults: Arc<Faults>,
}

#[async_trait]
impl Dir for FaultyDir {
    async fn list(&self) -> Result<Vec<String>, DiskError> {
        self.dir.list().await
    }

    async fn append(&self, name: &str, bytes: Bytes) -> Result<(), DiskError> {
        self.faults.meet(Call::Append).await?;
        self.dir.append(name, bytes).await
    }

    async fn read(&self, name: &str) -> Result<Bytes, DiskError> {
        self.faults.meet(Call::Read).await?;
        self.dir.read(name).await
    }

    async fn sync_file(&self, name: &str) -> Result<(), DiskError> {
        self.dir.sync_file(name).await
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.dir.rename(from, to).await
    }

    async fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.faults.meet(Call::Remove).await?;
        self.dir.remove(name).await
    }

    async fn sync(&self) -> Result<(), DiskError> {
        self.dir.sync().await
    }

    async fn device(&self, name: &str, length: u64) -> Result<Arc<dyn Device>, DiskError> {
        let device = self.dir.device(name, length).await?;
        Ok(Arc::new(FaultyDevice { name: name.to_owned(), device, faults: Arc::clone(&self.faults) }))
    }

    async fn lock(&self, name: &str) -> Result<DirLock, DiskError> {
        self.dir.lock(name).await
    }
}

#[async_trait]
impl Device for FaultyDevice {
    fn len(&self) -> u64 {
        self.device.len()
    }

    async fn write_at(&self, offset: u64, bytes: Bytes) -> Result<(), DiskError> {
        if self.faults.meet(Call::WriteAt(&self.name, &bytes)).await? {
            self.device.write_at(offset, bytes.slice(..bytes.len() / 2)).await?;
            return Err(DiskError::Full);
        }
        self.device.write_at(offset, bytes).await
    }

    async fn read_at(&self, offset: u64, length: usize) -> Result<Bytes, DiskError> {
        self.faults.meet(Call::ReadAt(&self.name, offset, length)).await?;
        self.device.read_at(offset, length).await
    }

    async fn sync(&self) -> Result<(), DiskError> {
        self.faults.meet(Call::SyncDevice).await?;
        self.device.sync().await
    }
}
