//! The system's errors as ours.

use crate::DiskError;
use std::io;

/// What the system said to `call` on the file of this name.
pub(super) fn disk_error(call: &str, name: &str, error: &io::Error) -> DiskError {
    match error.kind() {
        io::ErrorKind::NotFound => DiskError::NotFound(name.to_owned()),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => DiskError::Full,
        _ => DiskError::Io(format!("{call} {name:?}: {error}")),
    }
}

pub(super) fn not_found(name: &str) -> DiskError {
    DiskError::NotFound(name.to_owned())
}

/// After a failed sync nobody knows what is on the disk; the system itself forgets the error once it was told.
pub(super) fn failed_before(name: &str) -> DiskError {
    DiskError::Io(format!("a sync of {name:?} failed before: what it covered can't be vouched for"))
}
