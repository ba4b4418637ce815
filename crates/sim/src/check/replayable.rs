//! Would a recovery bring back, now, what clients were told?

use crate::look::{EntryLook, KeyLook, LogLook};
use bytes::Bytes;
use rekindle_types::{ServerId, TableId, Version};

/// A recovery would bring back something else than clients are told (C1 to C5, V3).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{server} tells clients of {table:?} {key:?} {told:?}, and if it died now {found:?} would come back")]
pub struct NotReplayable {
    /// The master.
    pub server: ServerId,
    /// The key's table.
    pub table: TableId,
    /// The key.
    pub key: Bytes,
    /// The version that clients are told, if any.
    pub told: Option<Version>,
    /// The version that a recovery finds.
    pub found: Option<Version>,
}

/// Checks one log, replayed by the rule of recoveries: of all objects of a key the newest one counts, unless a tombstone
/// kills it, in whatever order they are found.
///
/// # Errors
/// The first key that would come back otherwise.
pub fn check_replayable(log: &LogLook) -> Result<(), NotReplayable> {
    let differs = |key: &&KeyLook| replay(&key.found) != key.told;
    log.keys.iter().find(differs).map_or(Ok(()), |key| {
        let KeyLook { table, key, told, found, .. } = key.clone();
        Err(NotReplayable { server: log.server, table, key, told, found: replay(&found) })
    })
}

/// The version that comes back of a key.
pub(super) fn replay(entries: &[EntryLook]) -> Option<Version> {
    let newest = |is_object| {
        let versions = entries.iter().filter(|entry| entry.is_object == is_object).map(|e| e.version);
        versions.max()
    };
    newest(true).filter(|version| newest(false) < Some(*version))
}
