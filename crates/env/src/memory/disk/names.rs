//! Names, and the changes to them that are not durable yet.

use super::{Crash, one_in};
use crate::Rng;
use std::{collections::BTreeMap, mem};

/// Number of a file or device on its disk.
pub(super) type FileId = u64;

enum Change {
    Link {
        name: String,
        file: FileId,
    },
    Unlink {
        name: String,
        file: FileId,
    },
    /// Atomic: both names change or none.
    Rename {
        from: String,
        to: String,
        file: FileId,
    },
}

/// A directory: what is seen, what is durable, and how one leads to the other.
#[derive(Default)]
pub(super) struct Names {
    seen: BTreeMap<String, FileId>,
    durable: BTreeMap<String, FileId>,
    changes: Vec<Change>,
    /// A sync has failed: nothing becomes durable any more.
    is_poisoned: bool,
}

impl Names {
    pub(super) fn find(&self, name: &str) -> Option<FileId> {
        self.seen.get(name).copied()
    }

    pub(super) fn list(&self) -> Vec<String> {
        self.seen.keys().cloned().collect()
    }

    pub(super) fn link(&mut self, name: &str, file: FileId) {
        self.seen.insert(name.to_owned(), file);
        self.changes.push(Change::Link { name: name.to_owned(), file });
    }

    pub(super) fn unlink(&mut self, name: &str) -> Option<FileId> {
        let file = self.seen.remove(name)?;
        self.changes.push(Change::Unlink { name: name.to_owned(), file });
        Some(file)
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> Option<FileId> {
        let file = self.seen.remove(from)?;
        self.seen.insert(to.to_owned(), file);
        self.changes.push(Change::Rename { from: from.to_owned(), to: to.to_owned(), file });
        Some(file)
    }

    pub(super) fn sync(&mut self, succeeds: bool) {
        self.is_poisoned |= !succeeds;
        if !self.is_poisoned {
            self.durable.clone_from(&self.seen);
            self.changes.clear();
        }
    }

    pub(super) fn crash(&mut self, crash: Crash, rng: &dyn Rng) {
        for change in mem::take(&mut self.changes) {
            let is_kept = match crash {
                Crash::DropUnsynced => false,
                Crash::KeepUnsynced => true,
                Crash::Subset | Crash::Torn => one_in(2, rng),
            };
            if is_kept {
                self.keep(change);
            }
        }
        self.seen.clone_from(&self.durable);
        self.is_poisoned = false;
    }

    fn keep(&mut self, change: Change) {
        match change {
            Change::Link { name, file } => {
                self.durable.insert(name, file);
            }
            Change::Unlink { name, file } => self.forget(&name, file),
            Change::Rename { from, to, file } => {
                self.forget(&from, file);
                self.durable.insert(to, file);
            }
        }
    }

    /// Without the changes before it, the name may stand for another file, which stays.
    fn forget(&mut self, name: &str, file: FileId) {
        if self.durable.get(name) == Some(&file) {
            self.durable.remove(name);
        }
    }

    /// Whether a name, seen, durable or possible after a crash, leads to the file.
    pub(super) fn refers_to(&self, file: FileId) -> bool {
        self.seen.values().chain(self.durable.values()).any(|id| *id == file)
            || self.changes.iter().any(|change| match change {
                Change::Link { file: id, .. } | Change::Rename { file: id, .. } => *id == file,
                Change::Unlink { .. } => false,
            })
    }
}
