//! Rule C1.

use crate::kept_store::KeptStore;
use rekindle_log::segment::{Parsed, entries};
use rekindle_types::{Rules, SegmentId};

/// k is written (s1), overwritten (s2) and deleted (s3). The cleaner may free s2 once nothing in it is needed: the
/// overwriting object is dead, and is only needed as the tombstone of the first. Then nothing needs s3's
/// tombstone, which names s2. The crash comes before s1, where the first object lies, is cleaned.
pub fn body(rules: Rules) -> Result<(), String> {
    let mut master = KeptStore::new(rules);
    master.put("k", "first");
    master.roll();
    master.put("k", "second");
    let overwritten = master.roll();
    master.delete("k");
    let deleted = master.roll();
    for victim in [overwritten, deleted] {
        if !is_needed(&master, victim) {
            master.free(victim);
        }
    }
    match master.crash_and_recover().shown("k") {
        Some(None) => Ok(()),
        other => Err(format!("a deleted object came back: {other:?}")),
    }
}

/// The cleaner's question, for a segment without live objects: does an entry still kill one in the log (C3)?
fn is_needed(master: &KeptStore, victim: SegmentId) -> bool {
    let log = master.store.log();
    let in_log = log.segments();
    let (bytes, certificate) = rekindle_log::SegmentSource::pin(&**log, victim).expect("in memory");
    let first = rekindle_log::segment::SegmentHeader::LEN;
    entries(&bytes[first..certificate.length as usize]).any(|entry| {
        let killed = match entry.expect("whole").parse().expect("right") {
            Parsed::Object(object) => object.replaces,
            Parsed::Tombstone(tombstone) => Some(tombstone.replaces),
            _ => None,
        };
        killed.is_some_and(|segment| in_log.contains(&segment))
    })
}
