//! Does what is dead stay dead?

use super::replayable::replay;
use crate::look::{EntryLook, KeyLook, LogLook};
use bytes::Bytes;
use rekindle_types::{ServerId, TableId};

/// A dead object that nothing in the log names: what kills it now may go while it stays, and then it returns (C1 to C4).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("in the log of {server} nothing keeps dead what is of {table:?} {key:?}: {entry:?}")]
pub struct NotKilled {
    /// The master.
    pub server: ServerId,
    /// The key's table.
    pub table: TableId,
    /// The key.
    pub key: Bytes,
    /// The dead object.
    pub entry: EntryLook,
}

/// Checks one log: each object that would not come back has a newer entry of its key that names its segment, and so
/// stays as long as that does. Or it was moved from there when it was alive, and that entry names where the copy is: then
/// the switch that brings the copy in takes its own segment out.
///
/// # Errors
/// The first dead object without.
pub fn check_killed(log: &LogLook) -> Result<(), NotKilled> {
    log.keys.iter().try_for_each(|key| match not_killed(key) {
        None => Ok(()),
        Some(entry) => {
            let KeyLook { table, key, .. } = key.clone();
            Err(NotKilled { server: log.server, table, key, entry })
        }
    })
}

fn not_killed(key: &KeyLook) -> Option<EntryLook> {
    let alive = replay(&key.found);
    let dead = key.found.iter().filter(|entry| entry.is_object && Some(entry.version) != alive);
    dead.copied().find(|dead| !is_killed(key, dead))
}

fn is_killed(key: &KeyLook, dead: &EntryLook) -> bool {
    let is_newer = |e: &&EntryLook| e.version > dead.version || !e.is_object && e.version == dead.version;
    let mut named = key.found.iter().filter(is_newer).filter_map(|killer| killer.replaces);
    named.any(|named| named == dead.segment || named > dead.segment && has_copy(key, dead, named))
}

fn has_copy(key: &KeyLook, of: &EntryLook, segment: rekindle_types::SegmentId) -> bool {
    let mut all = key.found.iter().chain(&key.aside);
    all.any(|entry| entry.is_object && entry.version == of.version && entry.segment == segment)
}
