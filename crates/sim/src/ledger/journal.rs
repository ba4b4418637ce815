//! Journals as they are on a disk between two lives of a backup.

use crate::check::Spoilt;
use rekindle_backup::store::file::{RecordHeader, parse_journal_name};
use rekindle_env::memory::Disk;
use rekindle_log::crc32c;
use rekindle_types::ReplicaId;
use std::collections::BTreeSet;

/// All of a disk, with what flips have done to each.
pub(super) fn journals(disk: &Disk) -> Vec<(ReplicaId, Option<Spoilt>)> {
    let names = disk.list().into_iter();
    let journals = names.filter_map(|name| Some((parse_journal_name(&name)?, name)));
    journals.map(|(id, name)| (id, spoilt(disk, id, &name))).collect()
}

fn spoilt(disk: &Disk, id: ReplicaId, name: &str) -> Option<Spoilt> {
    if disk.spoilt(name) == 0 {
        return None;
    }
    let length = usize::try_from(disk.file_bytes(name)?).ok()?;
    let is_proven = is_damaged(id, &disk.peek(name, 0, length)?);
    Some(if is_proven { Spoilt::Provably } else { Spoilt::Unnoticeably })
}

/// J2, as it is said: a record that is not there as it was written, at or below the synced mark of any other.
fn is_damaged(id: ReplicaId, file: &[u8]) -> bool {
    let starts = file.windows(RecordHeader::MAGIC.len()).enumerate();
    let starts = starts.filter(|(_, four)| *four == RecordHeader::MAGIC).map(|(at, _)| at);
    let (mut intact, mut mark) = (BTreeSet::new(), 0);
    for at in starts {
        let Ok(header) = RecordHeader::decode(&file[at..]) else { continue };
        if header.replica != id {
            continue;
        }
        mark = header.synced.max(mark);
        let body = file.get(at + RecordHeader::LEN..).and_then(|rest| rest.get(..header.length as usize));
        if body.is_some_and(|body| crc32c(body) == header.checksum) {
            intact.insert(header.sequence);
        }
    }
    (1..=mark).any(|sequence| !intact.contains(&sequence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_backup::store::file::RecordKind;
    use rekindle_types::{CreationNumber, LogId, SegmentId, ServerId};

    const ID: ReplicaId =
        ReplicaId { log: LogId::of(ServerId(1)), segment: SegmentId(5), creation: CreationNumber(1) };

    /// Three records, and a mark when the journal fell idle.
    fn journal(has_mark: bool) -> Vec<u8> {
        let mut file = Vec::new();
        for sequence in 1..=3 + u64::from(has_mark) {
            let body: &[u8] = if sequence <= 3 { b"some entries" } else { b"" };
            let write = RecordKind::Write { open: sequence == 1, close: false, primary: false };
            let header = RecordHeader {
                kind: if sequence <= 3 { write } else { RecordKind::Mark },
                replica: ID,
                generation: 1,
                sequence,
                synced: sequence - 1,
                capacity: 1000,
                offset: 0,
                certificate: None,
                length: body.len() as u32,
                checksum: crc32c(body),
                secret: 9,
            };
            file.extend(header.encode());
            file.extend_from_slice(body);
        }
        file
    }

    #[test]
    fn a_flip_below_a_mark_is_damage_and_one_above_all_of_them_a_torn_tail() {
        let (marked, unmarked) = (journal(true), journal(false));
        assert!(!is_damaged(ID, &marked) && !is_damaged(ID, &unmarked));
        let record = RecordHeader::LEN + b"some entries".len();
        for at in 0..marked.len() {
            let mut flipped = marked.clone();
            flipped[at] ^= 1;
            assert_eq!(is_damaged(ID, &flipped), at < 3 * record, "byte {at}");
        }
        for at in 0..unmarked.len() {
            let mut flipped = unmarked.clone();
            flipped[at] ^= 1;
            assert_eq!(is_damaged(ID, &flipped), at < 2 * record, "byte {at}");
        }
    }
}
