//! What is not settled about one object.

use super::{Seen, Write, version};
use rekindle::{client::Condition, types::Version};
use std::fmt;

/// Calls under way, and writes of unknown outcome.
#[derive(Debug, Default)]
pub(super) struct Open {
    pub(super) writing: Option<Writing>,
    /// Each may still happen, once, at any time.
    pub(super) maybe: Vec<(Write, Condition)>,
    pub(super) readers: u32,
    /// While there are readers: what was settled when the first began, and since.
    pub(super) since: Vec<Seen>,
}

/// A write under way.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) write: Write,
    pub(super) condition: Condition,
    /// What was settled when it began.
    pub(super) before: Seen,
    /// Writes of unknown outcome may have come between.
    pub(super) is_unsure: bool,
    /// What a reader saw of it, before its caller was told.
    pub(super) shown: Option<Seen>,
}

impl Open {
    pub(super) fn is_idle(&self) -> bool {
        self.writing.is_none() && self.maybe.is_empty() && self.readers == 0
    }

    /// A write under way or of unknown outcome explains `seen`: then it has happened, and will not again.
    pub(super) fn take_explanation(&mut self, seen: Seen, highest: Version) -> bool {
        let explains = |write: Write| match (write, seen) {
            (Write::Put(number), Seen::Value(now, version)) => number == now && version > highest,
            (Write::Delete, Seen::Absent) => true,
            _ => false,
        };
        if let Some(writing) = &mut self.writing
            && writing.shown.is_none()
            && explains(writing.write)
        {
            writing.shown = Some(seen);
            return true;
        }
        let Some(at) = self.maybe.iter().position(|(write, _)| explains(*write)) else { return false };
        self.maybe.swap_remove(at);
        true
    }

    /// A version that is gone never comes back: what waits for it can't happen any more.
    pub(super) fn prune(&mut self, settled: Seen) {
        self.maybe.retain(|(_, condition)| match condition {
            Condition::IfVersion(wanted) => version(settled) == Some(*wanted),
            _ => true,
        });
    }
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let writing = self.writing.as_ref().map(|writing| writing.write);
        write!(f, "{writing:?}, {:?}", self.maybe)
    }
}
