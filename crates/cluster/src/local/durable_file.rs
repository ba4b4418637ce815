//! Small files that are whole or not there, whatever is killed and when.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Writes a file under a temporary name, makes it durable, and gives it its own name: replaces what was there. Nobody
/// without the right of `mode` can read it, not even for a moment. One writer at a time: see [`lock`].
pub(super) fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let temporary = temporary(path);
    // Left by a writer that was killed, perhaps with other rights.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// Keeps other writers that lock it out of a directory until it is dropped; waits for them.
pub(super) fn lock(dir: &Path) -> io::Result<File> {
    let dir = File::open(dir)?;
    dir.lock()?;
    Ok(dir)
}

/// Whether a writer that was killed has left this.
pub(super) fn is_unfinished(name: &OsStr) -> bool {
    name.as_encoded_bytes().ends_with(b".new")
}

fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_a_killed_writer_left_is_in_nobodys_way() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        fs::write(temporary(&path), "hal").unwrap();
        write(&path, "whole", 0o600).unwrap();
        write(&path, "anew", 0o600).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "anew");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!temporary(&path).exists());
    }
}
