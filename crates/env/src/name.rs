//! Names of files.

use crate::DiskError;

/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 200;

/// Whether a file may have this name. Names with a dot in front are the directory's own.
pub(crate) fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && !name.starts_with('.')
        && !name.contains(['/', '\\', '\0'])
}

/// The file that stands for the lock of this name.
pub(crate) fn lock_file(name: &str) -> String {
    format!(".lock-{name}")
}

pub(crate) fn check(name: &str) -> Result<(), DiskError> {
    if is_plain(name) { Ok(()) } else { Err(DiskError::Io(format!("{name:?} is no plain name"))) }
}
