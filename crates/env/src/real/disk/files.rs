//! The files of a directory, and which of them are open.

use super::{
    error::{disk_error, failed_before, not_found},
    open_file::OpenFile,
};
use crate::{DiskError, name};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// Files kept open, besides devices and what the threads have in hand.
const OPEN_MAX: usize = 256;

/// Blocking calls on a directory. Per file the caller makes one at a time.
pub(super) struct Files {
    path: PathBuf,
    directory: File,
    /// A leaf, never held over I/O: handles are taken out to be used.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: BTreeMap<String, Idle>,
    uses: u64,
    /// Names whose sync has failed, or whose end is torn: they are only read any more.
    failed: BTreeSet<String>,
    has_directory_failed: bool,
    /// Names opened as devices.
    devices: BTreeSet<String>,
}

struct Idle {
    file: OpenFile,
    used: u64,
}

impl Files {
    /// Opens a directory, making it when it is not there, and finds out whether it can be written to.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let directory = File::open(path)?;
        let probe = path.join(".probe");
        fs::write(&probe, b"writable")?;
        fs::remove_file(&probe)?;
        let files = Self { path: path.to_owned(), directory, state: Mutex::default() };
        files.remove_unfinished()?;
        Ok(files)
    }

    /// Devices that were not complete when the process ended.
    fn remove_unfinished(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Where a device is made before it gets its name.
    pub(super) fn unfinished(&self, name: &str) -> PathBuf {
        self.path.join(format!("{UNFINISHED}{name}"))
    }

    pub(super) fn list(&self) -> Result<Vec<String>, DiskError> {
        let failed = |error| disk_error("list", "", &error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let is_file = entry.file_type().map_err(failed)?.is_file();
            names.extend(entry.file_name().into_string().ok().filter(|name| is_file && name::is_plain(name)));
        }
        names.sort_unstable();
        Ok(names)
    }

    pub(super) fn append(&self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        self.with(name, true, |file| {
            self.check_failed(name)?;
            let appended = file.append(name, bytes);
            if file.is_torn {
                self.fail(name);
            }
            appended
        })
    }

    pub(super) fn read(&self, name: &str) -> Result<Bytes, DiskError> {
        self.with(name, false, |file| file.read(name))
    }

    pub(super) fn sync_file(&self, name: &str) -> Result<(), DiskError> {
        self.with(name, false, |file| self.sync_once(name, file))
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        if !name::is_plain(from) {
            return Err(not_found(from));
        }
        fs::rename(self.path_of(from), self.path_of(to))
            .map_err(|error| disk_error("rename", from, &error))?;
        if from != to {
            let replaced = self.state.lock().rename(from, to);
            drop(replaced);
        }
        Ok(())
    }

    pub(super) fn remove(&self, name: &str) -> Result<(), DiskError> {
        if !name::is_plain(name) {
            return Err(not_found(name));
        }
        fs::remove_file(self.path_of(name)).map_err(|error| disk_error("remove", name, &error))?;
        let removed = self.state.lock().forget(name);
        drop(removed);
        Ok(())
    }

    pub(super) fn sync(&self) -> Result<(), DiskError> {
        if self.state.lock().has_directory_failed {
            return Err(failed_before("the directory"));
        }
        self.directory.sync_all().map_err(|error| {
            self.state.lock().has_directory_failed = true;
            disk_error("sync", "the directory", &error)
        })
    }

    /// From now on the name is a device's.
    pub(super) fn opened_device(&self, name: &str) {
        self.state.lock().devices.insert(name.to_owned());
    }

    fn with<T>(
        &self,
        name: &str,
        may_create: bool,
        body: impl FnOnce(&mut OpenFile) -> Result<T, DiskError>,
    ) -> Result<T, DiskError> {
        let mut file = self.take(name, may_create)?;
        let result = body(&mut file);
        self.put(name, file);
        result
    }

    fn take(&self, name: &str, may_create: bool) -> Result<OpenFile, DiskError> {
        let idle = {
            let mut state = self.state.lock();
            if state.devices.contains(name) {
                return Err(DiskError::Io(format!("{name:?} is a device")));
            }
            state.open.remove(name)
        };
        match idle {
            Some(idle) => Ok(idle.file),
            None if !name::is_plain(name) => Err(not_found(name)),
            None => OpenFile::open(&self.path_of(name), may_create)
                .map_err(|error| disk_error("open", name, &error)),
        }
    }

    fn put(&self, name: &str, file: OpenFile) {
        let evicted = self.state.lock().put(name, file);
        if let Some((name, mut file)) = evicted
            && file.is_dirty
        {
            // Closed, the file would lose the error of its own late writes. A failure is told at its next sync.
            let _ = self.sync_once(&name, &mut file);
        }
    }

    /// A failed sync is never tried again: the second one would succeed without the data.
    fn sync_once(&self, name: &str, file: &mut OpenFile) -> Result<(), DiskError> {
        self.check_failed(name)?;
        file.sync(name).inspect_err(|_| self.fail(name))
    }

    fn check_failed(&self, name: &str) -> Result<(), DiskError> {
        if self.state.lock().failed.contains(name) { Err(failed_before(name)) } else { Ok(()) }
    }

    fn fail(&self, name: &str) {
        self.state.lock().failed.insert(name.to_owned());
    }
}

/// In front of the name of a device that is being made.
const UNFINISHED: &str = ".unfinished-";

impl State {
    /// Gives back what must be closed in exchange: rather a synced file than one with a sync to come.
    fn put(&mut self, name: &str, file: OpenFile) -> Option<(String, OpenFile)> {
        self.uses += 1;
        self.open.insert(name.to_owned(), Idle { file, used: self.uses });
        if self.open.len() <= OPEN_MAX {
            return None;
        }
        let oldest = self.open.iter().min_by_key(|(_, idle)| (idle.file.is_dirty, idle.used));
        let name = oldest.map(|(name, _)| name.clone())?;
        self.open.remove(&name).map(|idle| (name, idle.file))
    }

    fn forget(&mut self, name: &str) -> Option<Idle> {
        self.failed.remove(name);
        self.devices.remove(name);
        self.open.remove(name)
    }

    fn rename(&mut self, from: &str, to: &str) -> Option<Idle> {
        let replaced = self.forget(to);
        if self.failed.remove(from) {
            self.failed.insert(to.to_owned());
        }
        if self.devices.remove(from) {
            self.devices.insert(to.to_owned());
        }
        if let Some(idle) = self.open.remove(from) {
            self.open.insert(to.to_owned(), idle);
        }
        replaced
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;

    /// Files that fail: the system refuses to sync `unsyncable`, and `full` is always full.
    fn failing() -> (TempDir, Files) {
        let directory = tempfile::tempdir().unwrap();
        symlink("/dev/null", directory.path().join("unsyncable")).unwrap();
        symlink("/dev/full", directory.path().join("full")).unwrap();
        let files = Files::open(directory.path()).unwrap();
        (directory, files)
    }

    fn failed<T: std::fmt::Debug>(result: Result<T, DiskError>) -> bool {
        result.unwrap_err().to_string().contains("failed before")
    }

    #[test]
    fn after_a_failed_sync_there_is_no_other_until_the_file_is_gone() {
        let (directory, files) = failing();
        files.append("unsyncable", b"x").unwrap();
        assert!(!failed(files.sync_file("unsyncable")));
        assert!(failed(files.sync_file("unsyncable")));
        files.rename("unsyncable", "f").unwrap();
        fs::remove_file(directory.path().join("f")).unwrap();
        fs::write(directory.path().join("f"), "syncable").unwrap();
        assert!(failed(files.sync_file("f")), "the name stands for what was written to it");
        assert!(failed(files.append("f", b"x")));
        files.remove("f").unwrap();
        files.append("f", b"x").unwrap();
        files.sync_file("f").unwrap();
    }

    #[test]
    fn a_full_disk_says_so_and_a_torn_file_takes_no_more() {
        let (_directory, files) = failing();
        assert_eq!(files.append("full", b"x"), Err(DiskError::Full));
        assert!(failed(files.append("full", b"x")), "/dev/full can't be cut");
    }

    #[test]
    fn synced_files_are_closed_before_those_that_await_a_sync() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::open(directory.path()).unwrap();
        files.append("dirty", b"x").unwrap();
        for number in 0..OPEN_MAX + 3 {
            files.append(&number.to_string(), b"x").unwrap();
            files.sync_file(&number.to_string()).unwrap();
        }
        let state = files.state.lock();
        assert_eq!(state.open.len(), OPEN_MAX);
        assert!(state.open.contains_key("dirty") && !state.open.contains_key("0"));
    }

    #[test]
    fn an_evicted_file_that_cannot_be_synced_tells_it_later() {
        let (_directory, files) = failing();
        files.append("unsyncable", b"x").unwrap();
        for number in 0..OPEN_MAX {
            files.append(&number.to_string(), b"x").unwrap();
        }
        assert!(!files.state.lock().open.contains_key("unsyncable"));
        assert!(failed(files.sync_file("unsyncable")));
    }

    #[test]
    fn devices_that_were_not_complete_are_removed_at_the_next_start() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(".unfinished-d"), "half").unwrap();
        fs::write(directory.path().join("d"), "whole").unwrap();
        let files = Files::open(directory.path()).unwrap();
        assert!(!files.unfinished("d").exists());
        assert_eq!(files.list().unwrap(), ["d"]);
    }
}
