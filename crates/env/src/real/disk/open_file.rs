//! An open append-only file.

use super::error::{disk_error, sync_error};
use crate::DiskError;
use bytes::Bytes;
use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::Path,
};

/// A handle, held by one thread at a time.
pub(super) struct OpenFile {
    file: File,
    length: u64,
    /// Bytes were appended after the last sync.
    pub(super) is_dirty: bool,
    /// Half of an append could not be cut off: nothing may follow it.
    pub(super) is_torn: bool,
}

impl OpenFile {
    /// Opens a file, making it if `may_create`.
    pub(super) fn open(path: &Path, may_create: bool) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(may_create).truncate(false).open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { file, length, is_dirty: false, is_torn: false })
    }

    /// All of `bytes` or, on an error, none of them (or the file is torn).
    pub(super) fn append(&mut self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        self.is_dirty = true;
        self.file.write_all_at(bytes, self.length).map_err(|error| {
            match self.file.set_len(self.length) {
                Ok(()) => disk_error("append to", name, &error),
                Err(uncut) => {
                    self.is_torn = true;
                    // Not "full": a part of it is there.
                    DiskError::Io(format!("append to {name:?}: {error}, and it can't be cut: {uncut}"))
                }
            }
        })?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn read(&self, name: &str) -> Result<Bytes, DiskError> {
        let length =
            usize::try_from(self.length).map_err(|_| DiskError::Io(format!("{name:?} is too long")))?;
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, 0).map_err(|error| disk_error("read", name, &error))?;
        Ok(bytes.into())
    }

    pub(super) fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        self.file.sync_data().map_err(|error| sync_error(name, &error))?;
        self.is_dirty = false;
        Ok(())
    }
}
