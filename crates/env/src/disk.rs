//! Disks: fixed devices and directories of named files. What was not synced may be gone after a crash.

use async_trait::async_trait;
use bytes::Bytes;
use std::{any::Any, sync::Arc};

/// A file of fixed length that is overwritten in place.
///
/// Await what must come first: calls under way at the same time may take effect in any order. A call whose future
/// is dropped may still take effect.
#[async_trait]
pub trait Device: Send + Sync {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// Whether it has no bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes all of `bytes` at `offset`. After a crash before the next `sync` any subset of its sectors may
    /// have been written.
    async fn write_at(&self, offset: u64, bytes: Bytes) -> Result<(), DiskError>;

    /// Reads exactly `length` bytes from `offset`.
    async fn read_at(&self, offset: u64, length: usize) -> Result<Bytes, DiskError>;

    /// Writes and makes durable everything written so far: [`Device::write_at`], then [`Device::sync`], but handed
    /// over to a disk thread once.
    async fn write_synced(&self, offset: u64, bytes: Bytes) -> Result<(), DiskError> {
        self.write_at(offset, bytes).await?;
        self.sync().await
    }

    /// Makes everything written so far durable. After an error nothing written since the last success can be
    /// vouched for: poison, don't retry.
    async fn sync(&self) -> Result<(), DiskError>;
}

/// A directory of named, append-only files. Names are plain: no separators, no dot in front, 200 bytes at most.
///
/// Await what must come first: calls under way at the same time may take effect in any order. A call whose future
/// is dropped may still take effect.
#[async_trait]
pub trait Dir: Send + Sync {
    /// Names of all files, sorted.
    async fn list(&self) -> Result<Vec<String>, DiskError>;

    /// Appends to a file, making it when it is not there.
    async fn append(&self, name: &str, bytes: Bytes) -> Result<(), DiskError>;

    /// Appends and makes the file's bytes durable: [`Dir::append`], then [`Dir::sync_file`], but handed over to a
    /// disk thread once, and calls on one file that come together share a sync.
    async fn append_synced(&self, name: &str, bytes: Bytes) -> Result<(), DiskError> {
        self.append(name, bytes).await?;
        self.sync_file(name).await
    }

    /// Reads all of a file.
    async fn read(&self, name: &str) -> Result<Bytes, DiskError>;

    /// Makes the file's bytes durable (not its name: that takes [`Dir::sync`]).
    async fn sync_file(&self, name: &str) -> Result<(), DiskError>;

    /// Gives a file another name, atomically, replacing what had that name.
    async fn rename(&self, from: &str, to: &str) -> Result<(), DiskError>;

    /// Removes a file.
    async fn remove(&self, name: &str) -> Result<(), DiskError>;

    /// Makes names durable: creations, renames and removals so far.
    async fn sync(&self) -> Result<(), DiskError>;

    /// Opens the device of this name, making it `length` bytes of zeros when it is not there.
    async fn device(&self, name: &str, length: u64) -> Result<Arc<dyn Device>, DiskError>;

    /// Takes the exclusive lock of this name, or fails at once with [`DiskError::Locked`]. It is held until it is
    /// dropped and every call has ended that had been issued before, or the process ends, however that comes about.
    /// As long as any lock is held no other process gets one in this directory.
    async fn lock(&self, name: &str) -> Result<DirLock, DiskError>;
}

/// An exclusive lock: dropping it gives it back.
pub struct DirLock(#[allow(dead_code, reason = "it is there to be dropped")] Box<dyn Any + Send + Sync>);

impl DirLock {
    /// A lock that is held until `guard` is dropped.
    #[must_use]
    pub fn new(guard: impl Any + Send + Sync) -> Self {
        Self(Box::new(guard))
    }
}

/// Why a disk call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// No such file.
    #[error("no file {0:?}")]
    NotFound(String),
    /// Another process holds the lock: a file of the directory, or the directory itself.
    #[error("{0:?} is locked by another process")]
    Locked(String),
    /// No space left: nothing of the call counts. No sync says so.
    #[error("disk full")]
    Full,
    /// The range lies outside the device.
    #[error("{length} bytes at {offset} of {capacity}")]
    OutOfRange {
        /// First byte asked for.
        offset: u64,
        /// How many bytes.
        length: u64,
        /// Length of the device.
        capacity: u64,
    },
    /// Anything else, in the words of the system.
    #[error("{0}")]
    Io(String),
}
