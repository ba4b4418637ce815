//! Entries by a script: any bytes say which. Reaches what random bytes take hours to.

use rekindle_log::segment::{EntryDraft, LogTime, ObjectEntry, SafeVersion, TombstoneEntry};
use rekindle_types::{SegmentId, TableId, Version};

/// Entries of a few tables and keys, back to back: seven bytes make one, or say how many of the next bytes are
/// taken as they are.
pub fn script(mut input: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(([kind, table, key, version, high, replaces, length], rest)) = input.split_first_chunk() {
        input = rest;
        let table = TableId(u64::from(table % 4));
        let key = &[b'a' + key % 4; 2][..1 + usize::from(key >> 7)];
        let version = Version(u64::from(*version) << (high % 57));
        let replaces = SegmentId(u64::from(replaces % 4));
        let timestamp = LogTime(u32::from(*length));
        match kind % 8 {
            0..4 => put(
                &mut out,
                &EntryDraft::Object(ObjectEntry {
                    table,
                    version: version.max(Version(1)),
                    timestamp,
                    replaces: Some(replaces).filter(|id| id.0 > 0),
                    expiry: (kind & 8 > 0).then_some(u64::from(*high)),
                    key,
                    value: &vec![*kind; usize::from(*length) << (high % 7)],
                }),
            ),
            4 | 5 => put(
                &mut out,
                &EntryDraft::Tombstone(TombstoneEntry { table, version, replaces, timestamp, key }),
            ),
            6 => out.extend(SafeVersion(version).encode()),
            _ => {
                let (raw, rest) = input.split_at(input.len().min(usize::from(*length)));
                out.extend_from_slice(raw);
                input = rest;
            }
        }
    }
    out
}

fn put(out: &mut Vec<u8>, draft: &EntryDraft<'_>) {
    let at = out.len();
    out.resize(at + draft.encoded_len(), 0);
    draft.encode(&mut out[at..]);
}
