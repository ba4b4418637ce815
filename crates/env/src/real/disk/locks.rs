//! Exclusive locks in a directory.

use super::{error::disk_error, files::Files};
use crate::{DiskError, name};
use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    sync::Arc,
};

/// A named lock that is held: an empty file, which stays behind. Anybody can remove that file; so as long as any lock
/// is held, the directory itself is locked too, and whoever else wants a lock in it finds that.
pub(super) struct HeldLock {
    file: File,
    files: Arc<Files>,
}

impl HeldLock {
    pub(super) fn take(files: &Arc<Files>, named: &str) -> Result<Self, DiskError> {
        let mut held = files.locks.lock();
        let is_first = *held == 0;
        if is_first {
            let path = files.path().display().to_string();
            claimed(files.directory().try_lock(), &path)?;
        }
        let file = claim_file(files, &name::lock_file(named));
        match &file {
            Ok(_) => *held += 1,
            Err(_) if is_first => unlock(files.directory()),
            Err(_) => {}
        }
        Ok(Self { file: file?, files: Arc::clone(files) })
    }
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        let mut held = self.files.locks.lock();
        // First the file: who gets the directory must not find it locked.
        unlock(&self.file);
        *held -= 1;
        if *held == 0 {
            unlock(self.files.directory());
        }
    }
}

fn claim_file(files: &Files, name: &str) -> Result<File, DiskError> {
    let opened = OpenOptions::new().write(true).create(true).truncate(false).open(files.path_of(name));
    let file = opened.map_err(|error| disk_error("lock", name, &error))?;
    claimed(file.try_lock(), name)?;
    Ok(file)
}

fn claimed(lock: Result<(), TryLockError>, name: &str) -> Result<(), DiskError> {
    lock.map_err(|error| match error {
        TryLockError::WouldBlock => DiskError::Locked(name.to_owned()),
        TryLockError::Error(error) => disk_error("lock", name, &error),
    })
}

/// One that stays locked by mistake is given back with its handle.
fn unlock(file: &File) {
    let _: io::Result<()> = file.unlock();
}
