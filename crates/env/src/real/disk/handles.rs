//! What is known of a directory's names while the process runs, and the handles that are kept open.

use super::open_file::OpenFile;
use std::collections::{BTreeMap, BTreeSet};

/// Files kept open, besides devices and what the threads have in hand.
pub(super) const OPEN_MAX: usize = 256;

/// Handles that nobody uses just now, and what is remembered of names.
#[derive(Default)]
pub(super) struct Handles {
    open: BTreeMap<String, Idle>,
    uses: u64,
    /// Names whose sync has failed, or whose end is torn: they are only read any more.
    pub(super) failed: BTreeSet<String>,
    pub(super) has_directory_failed: bool,
    /// Names opened as devices.
    pub(super) devices: BTreeSet<String>,
}

struct Idle {
    file: OpenFile,
    used: u64,
}

impl Handles {
    /// An idle handle, to be given back with [`Handles::put`].
    pub(super) fn take(&mut self, name: &str) -> Option<OpenFile> {
        self.open.remove(name).map(|idle| idle.file)
    }

    #[cfg(test)]
    pub(super) fn is_idle(&self, name: &str) -> bool {
        self.open.contains_key(name)
    }

    /// Gives back what must be closed in exchange: rather a synced file than one with a sync to come.
    pub(super) fn put(&mut self, name: &str, file: OpenFile) -> Option<(String, OpenFile)> {
        self.uses += 1;
        self.open.insert(name.to_owned(), Idle { file, used: self.uses });
        if self.open.len() <= OPEN_MAX {
            return None;
        }
        let oldest = self.open.iter().min_by_key(|(_, idle)| (idle.file.is_dirty, idle.used));
        let name = oldest.map(|(name, _)| name.clone())?;
        self.open.remove(&name).map(|idle| (name, idle.file))
    }

    pub(super) fn forget(&mut self, name: &str) -> Option<OpenFile> {
        self.failed.remove(name);
        self.devices.remove(name);
        self.take(name)
    }

    /// Gives back what was replaced, to be closed without the lock.
    pub(super) fn rename(&mut self, from: &str, to: &str) -> Option<OpenFile> {
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
