//! A device: a file of fixed length.

use super::{
    error::{disk_error, failed_before, sync_error},
    files::Files,
    job::Job,
    lanes::Key,
    pool::{DiskPool, Order, other},
};
use crate::{Device, DiskError};
use async_trait::async_trait;
use bytes::Bytes;
use rustix::fs::FallocateFlags;
use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// A handle.
pub(super) struct RealDevice {
    pub(super) pool: Arc<DiskPool>,
    pub(super) opened: Arc<Opened>,
}

/// What its jobs share.
pub(super) struct Opened {
    name: Arc<str>,
    file: File,
    length: u64,
    /// Written and read by the thread that syncs it, one at a time: no ordering needed.
    has_sync_failed: AtomicBool,
}

impl Opened {
    /// Opens the device, making it when it is not there: it gets its name when it is complete, so no crash leaves
    /// a shorter one.
    pub(super) fn open(
        files: &Files,
        name: Arc<str>,
        length: u64,
        is_reserved: bool,
    ) -> Result<Self, DiskError> {
        let failed = |error: io::Error| disk_error("make device", &name, &error);
        let path = files.path_of(&name);
        if !fs::exists(&path).map_err(failed)? {
            let unfinished = files.unfinished(&name);
            let made = File::create(&unfinished).and_then(|file| {
                file.set_len(length)?;
                if is_reserved {
                    reserve(&file, length)?;
                }
                file.sync_all()?;
                fs::rename(&unfinished, &path)
            });
            if let Err(error) = made {
                // It takes room. With it goes all that was written: "full" holds for its sync, too.
                let _ = fs::remove_file(&unfinished);
                return Err(failed(error));
            }
        }
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        files.opened_device(&name);
        Ok(Self { name, file, length, has_sync_failed: AtomicBool::new(false) })
    }

    fn check(&self, offset: u64, length: usize) -> Result<(), DiskError> {
        let (length, capacity) = (length as u64, self.length);
        match offset.checked_add(length) {
            Some(end) if end <= capacity => Ok(()),
            _ => Err(DiskError::OutOfRange { offset, length, capacity }),
        }
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.file.write_all_at(bytes, offset).map_err(|error| disk_error("write", &self.name, &error))
    }

    fn read(&self, offset: u64, length: usize) -> Result<Bytes, DiskError> {
        let mut bytes = vec![0; length];
        let read = self.file.read_exact_at(&mut bytes, offset);
        read.map_err(|error| disk_error("read", &self.name, &error))?;
        Ok(bytes.into())
    }

    /// Never again after a failure: the system would answer that all is well.
    fn sync(&self) -> Result<(), DiskError> {
        if self.has_sync_failed.load(Ordering::Relaxed) {
            return Err(failed_before(&self.name));
        }
        self.file.sync_data().map_err(|error| {
            self.has_sync_failed.store(true, Ordering::Relaxed);
            sync_error(&self.name, &error)
        })
    }
}

fn reserve(file: &File, length: u64) -> io::Result<()> {
    if length == 0 {
        return Ok(());
    }
    Ok(rustix::fs::fallocate(file, FallocateFlags::empty(), 0, length)?)
}

impl RealDevice {
    fn order(&self) -> Order {
        Order::In(Key::File(Arc::clone(&self.opened.name)))
    }

    async fn write(&self, offset: u64, bytes: Bytes, is_synced: bool) -> Result<(), DiskError> {
        self.opened.check(offset, bytes.len())?;
        let opened = Arc::clone(&self.opened);
        let sync = is_synced.then(|| self.sync_job());
        let write = Box::new(move || opened.write(offset, &bytes));
        self.pool.call(self.order(), |answer| Job::Write { write, answer, sync }).await
    }

    fn sync_job(&self) -> Box<dyn FnOnce() -> Result<(), DiskError> + Send> {
        let opened = Arc::clone(&self.opened);
        Box::new(move || opened.sync())
    }
}

#[async_trait]
impl Device for RealDevice {
    fn len(&self) -> u64 {
        self.opened.length
    }

    async fn write_at(&self, offset: u64, bytes: Bytes) -> Result<(), DiskError> {
        self.write(offset, bytes, false).await
    }

    async fn write_synced(&self, offset: u64, bytes: Bytes) -> Result<(), DiskError> {
        self.write(offset, bytes, true).await
    }

    async fn read_at(&self, offset: u64, length: usize) -> Result<Bytes, DiskError> {
        self.opened.check(offset, length)?;
        let opened = Arc::clone(&self.opened);
        // Reads pass writes and syncs under way, which may take long.
        self.pool.call(Order::Free, other(move || opened.read(offset, length))).await
    }

    async fn sync(&self) -> Result<(), DiskError> {
        let sync = self.sync_job();
        self.pool.call(self.order(), |answer| Job::Sync { sync, answer }).await
    }
}
