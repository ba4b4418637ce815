//! The system's errors as ours.

use crate::DiskError;
use std::io;

/// What the system said to `call`, which is no sync, on the file of this name. "Full" says that nothing was done that
/// counts.
pub(super) fn disk_error(call: &str, name: &str, error: &io::Error) -> DiskError {
    match error.kind() {
        io::ErrorKind::NotFound => DiskError::NotFound(name.to_owned()),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => DiskError::Full,
        _ => DiskError::Io(format!("{call} {name:?}: {error}")),
    }
}

/// What the system said to a sync of the file of this name. Never "full", even if it says so: where room is found when
/// bytes are written back, those of calls that were done are lost, or show yet.
pub(super) fn sync_error(name: &str, error: &io::Error) -> DiskError {
    DiskError::Io(format!("sync {name:?}: {error}"))
}

pub(super) fn not_found(name: &str) -> DiskError {
    DiskError::NotFound(name.to_owned())
}

/// After a failed sync nobody knows what is on the disk; the system itself forgets the error once it was told.
pub(super) fn failed_before(name: &str) -> DiskError {
    DiskError::Io(format!("a sync of {name:?} failed before: what it covered can't be vouched for"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_no_excuse_for_a_failed_sync() {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            let error = io::Error::from(kind);
            assert_eq!(disk_error("write", "f", &error), DiskError::Full);
            assert!(matches!(sync_error("f", &error), DiskError::Io(_)), "{kind:?}");
        }
    }
}
