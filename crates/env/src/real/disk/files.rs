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
    /// Names whose sync has failed.
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
        self.with(name, true, |file| file.append(name, bytes))
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
        if self.state.lock().failed.contains(name) {
            return Err(failed_before(name));
        }
        file.sync(name).inspect_err(|_| {
            self.state.lock().failed.insert(name.to_owned());
        })
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
