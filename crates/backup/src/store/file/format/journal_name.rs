//! Names of journal files.

use rekindle_types::{CreationNumber, LogId, ReplicaId, SegmentId, ServerId};

/// The file of an open replica's records.
pub(crate) fn journal_name(id: ReplicaId) -> String {
    let ReplicaId { log, segment, creation } = id;
    format!("journal-{}-{}-{}-{}", log.server.0, log.index, segment.0, creation.0)
}

/// Whose records a file has, when it has some.
#[must_use]
pub fn parse_journal_name(name: &str) -> Option<ReplicaId> {
    let mut numbers = name.strip_prefix("journal-")?.split('-');
    let server = ServerId(numbers.next()?.parse().ok()?);
    let log = LogId { server, index: numbers.next()?.parse().ok()? };
    let segment = SegmentId(numbers.next()?.parse().ok()?);
    let id = ReplicaId { log, segment, creation: CreationNumber(numbers.next()?.parse().ok()?) };
    // One name for each replica: no leading zeros, no signs.
    (journal_name(id) == name).then_some(id)
}
