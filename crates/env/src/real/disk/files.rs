//! The files of a directory.

use super::{
    error::{disk_error, failed_before, not_found, sync_error},
    handles::Handles,
    open_file::OpenFile,
};
use crate::{DiskError, name};
use bytes::Bytes;
use parking_lot::Mutex;
use rustix::fs::Access;
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// Blocking calls on a directory. Per file the caller makes one at a time.
pub(super) struct Files {
    path: PathBuf,
    directory: File,
    /// A leaf, never held over I/O: handles are taken out to be used.
    state: Mutex<Handles>,
    /// Named locks that are held. A leaf, held over calls that take and give back locks: none of them waits.
    pub(super) locks: Mutex<usize>,
}

impl Files {
    /// Opens a directory, making it when it is not there, and finds out whether it may be written to. Writes
    /// nothing into it: another process may still be at work there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        make_durably(path)?;
        let directory = File::open(path)?;
        if !directory.metadata()?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        rustix::fs::access(path, Access::WRITE_OK | Access::EXEC_OK)?;
        Ok(Self { path: path.to_owned(), directory, state: Mutex::default(), locks: Mutex::default() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn directory(&self) -> &File {
        &self.directory
    }

    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Where a device is made before it gets its name. One that was left there by a crash is made anew.
    pub(super) fn unfinished(&self, name: &str) -> PathBuf {
        self.path.join(format!(".unfinished-{name}"))
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
            sync_error("the directory", &error)
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
            state.take(name)
        };
        match idle {
            Some(file) => Ok(file),
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

/// Makes a directory and those above it, as far as they are missing, and their names durable: else a power failure
/// could take all that was synced in it. Its own name always: a process that made it may have been killed before that.
fn make_durably(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|path| !is_there(path)).collect();
    fs::create_dir_all(path)?;
    for made in missing {
        let parent = made.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    let whole = fs::canonicalize(path)?;
    match File::open(whole.parent().unwrap_or(&whole)) {
        Ok(parent) => parent.sync_all(),
        // One that may not be read was not made by such a process.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error),
    }
}

/// The empty path stands for the present directory.
fn is_there(path: &Path) -> bool {
    path.as_os_str().is_empty() || path.exists()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{device::Opened, handles::OPEN_MAX},
        *,
    };
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

    fn is_not_found<T>(result: Result<T, DiskError>) -> bool {
        matches!(result, Err(DiskError::NotFound(_)))
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
    fn a_torn_file_is_not_called_full_and_takes_no_more() {
        let (_directory, files) = failing();
        let torn = files.append("full", b"x");
        assert!(matches!(torn, Err(DiskError::Io(_))), "/dev/full can't be cut: {torn:?}");
        assert!(failed(files.append("full", b"x")));
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
        let idle = (0..OPEN_MAX + 3).filter(|number| state.is_idle(&number.to_string()));
        assert_eq!(idle.collect::<Vec<_>>(), (4..OPEN_MAX + 3).collect::<Vec<_>>());
        assert!(state.is_idle("dirty"));
    }

    #[test]
    fn an_evicted_file_that_cannot_be_synced_tells_it_later() {
        let (_directory, files) = failing();
        files.append("unsyncable", b"x").unwrap();
        for number in 0..OPEN_MAX {
            files.append(&number.to_string(), b"x").unwrap();
        }
        assert!(!files.state.lock().is_idle("unsyncable"));
        assert!(failed(files.sync_file("unsyncable")));
    }

    #[test]
    fn a_device_that_was_not_complete_has_no_name() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::open(directory.path()).unwrap();
        fs::write(files.unfinished("d"), "half").unwrap();
        assert!(files.list().unwrap().is_empty());
        assert!(is_not_found(files.read("d")));
        assert!(is_not_found(files.read(".unfinished-d")));
        Opened::open(&files, "d".into(), 100, false).unwrap();
        assert!(!files.unfinished("d").exists());
        assert_eq!(files.list().unwrap(), ["d"]);
        assert_eq!(fs::read(files.path_of("d")).unwrap(), [0; 100]);
    }

    #[test]
    fn opening_leaves_no_trace() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b");
        Files::open(&path).unwrap();
        Files::open(&path).unwrap();
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
    }

    #[test]
    fn a_device_takes_its_room_at_once_only_if_it_is_told_to() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::open(directory.path()).unwrap();
        let room = |name: &str, is_reserved| {
            Opened::open(&files, name.into(), 1 << 20, is_reserved).unwrap();
            let metadata = fs::metadata(files.path_of(name)).unwrap();
            (metadata.len(), std::os::unix::fs::MetadataExt::blocks(&metadata) * 512)
        };
        assert_eq!(room("sparse", false), (1 << 20, 0));
        let (length, taken) = room("reserved", true);
        assert!(length == 1 << 20 && taken >= length, "{taken}");
        Opened::open(&files, "empty".into(), 0, true).unwrap();
    }
}
