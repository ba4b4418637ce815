//! The directory as servers see it.

use super::{
    device::{Opened, RealDevice},
    files::Files,
    job::{Job, Sync},
    lanes::Key,
    locks::HeldLock,
    pool::{DiskPool, Order, other},
};
use crate::{Device, Dir, DirLock, DiskError, name, real::RealConfig};
use async_trait::async_trait;
use bytes::Bytes;
use std::{io, path::Path, sync::Arc};

/// A handle; its threads end when the last handle, of a device too, is dropped.
pub(in crate::real) struct RealDir {
    files: Arc<Files>,
    pool: Arc<DiskPool>,
    reserves_devices: bool,
}

fn in_order(name: &str) -> Order {
    Order::In(Key::File(name.into()))
}

impl RealDir {
    pub(in crate::real) fn open(path: &Path, config: &RealConfig) -> io::Result<Self> {
        Ok(Self {
            files: Arc::new(Files::open(path)?),
            pool: Arc::new(DiskPool::start(config.disk_threads)?),
            reserves_devices: config.reserves_devices,
        })
    }

    async fn write(&self, name: &str, bytes: Bytes, is_synced: bool) -> Result<(), DiskError> {
        name::check(name)?;
        let sync = is_synced.then(|| self.sync_job(name));
        let (files, file) = (Arc::clone(&self.files), name.to_owned());
        let write = Box::new(move || files.append(&file, &bytes));
        self.pool.call(in_order(name), |answer| Job::Write { write, answer, sync }).await
    }

    fn sync_job(&self, name: &str) -> Sync {
        let (files, name) = (Arc::clone(&self.files), name.to_owned());
        Box::new(move || files.sync_file(&name))
    }

    /// A call on the directory's files that no other call is joined with.
    async fn other<T: Send + 'static>(
        &self,
        order: Order,
        body: impl FnOnce(&Files) -> Result<T, DiskError> + Send + 'static,
    ) -> Result<T, DiskError> {
        let files = Arc::clone(&self.files);
        self.pool.call(order, other(move || body(&files))).await
    }
}

#[async_trait]
impl Dir for RealDir {
    async fn list(&self) -> Result<Vec<String>, DiskError> {
        self.other(Order::Free, Files::list).await
    }

    async fn append(&self, name: &str, bytes: Bytes) -> Result<(), DiskError> {
        self.write(name, bytes, false).await
    }

    async fn append_synced(&self, name: &str, bytes: Bytes) -> Result<(), DiskError> {
        self.write(name, bytes, true).await
    }

    async fn read(&self, name: &str) -> Result<Bytes, DiskError> {
        let file = name.to_owned();
        self.other(in_order(name), move |files| files.read(&file)).await
    }

    async fn sync_file(&self, name: &str) -> Result<(), DiskError> {
        let sync = self.sync_job(name);
        self.pool.call(in_order(name), |answer| Job::Sync { sync, answer }).await
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        name::check(to)?;
        let order = Order::Both(Key::File(from.into()), Key::File(to.into()));
        let (from, to) = (from.to_owned(), to.to_owned());
        self.other(order, move |files| files.rename(&from, &to)).await
    }

    async fn remove(&self, name: &str) -> Result<(), DiskError> {
        let file = name.to_owned();
        self.other(in_order(name), move |files| files.remove(&file)).await
    }

    async fn sync(&self) -> Result<(), DiskError> {
        let files = Arc::clone(&self.files);
        let sync: Sync = Box::new(move || files.sync());
        self.pool.call(Order::In(Key::Directory), |answer| Job::Sync { sync, answer }).await
    }

    async fn device(&self, name: &str, length: u64) -> Result<Arc<dyn Device>, DiskError> {
        name::check(name)?;
        let (device, is_reserved): (Arc<str>, _) = (name.into(), self.reserves_devices);
        let open = move |files: &Files| Opened::open(files, device, length, is_reserved);
        let opened = self.other(in_order(name), open).await?;
        Ok(Arc::new(RealDevice { pool: Arc::clone(&self.pool), opened: Arc::new(opened) }))
    }

    /// What had been issued when a lock was dropped still runs, and the lock is given back after it: whoever takes it
    /// again in this process waits for that.
    async fn lock(&self, name: &str) -> Result<DirLock, DiskError> {
        name::check(name)?;
        self.pool.settled().await;
        let (files, named, pool) = (Arc::clone(&self.files), name.to_owned(), Arc::clone(&self.pool));
        let take = other(move || Ok(pool.last_of_all(HeldLock::take(&files, &named)?)));
        Ok(DirLock::new(self.pool.call(Order::Free, take).await?))
    }
}
