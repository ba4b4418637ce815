//! Entries and all their bodies: what parses encodes to the same bytes, in the one form that the format allows.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rekindle_fuzz::{seal_entries, within};
use rekindle_log::segment::{
    Digest, Entry, EntryDraft, EntryHeader, EntryType, KEY_BYTES_MAX, ObjectEntry, Parsed, SafeVersion,
    TabletStats, TombstoneEntry, entries,
};

fuzz_target!(|data: &[u8]| {
    walk(data);
    let mut sealed = data.to_vec();
    seal_entries(&mut sealed);
    walk(&sealed);
    // All of it as the body of one entry of each type.
    for number in 0..64 {
        let mut entry = vec![0; EntryHeader::LEN_MAX];
        let body_len = 4 + data.len();
        let width = (usize::BITS - body_len.leading_zeros()).div_ceil(8) as usize;
        entry[0] = (width as u8 - 1) << 6 | number;
        entry[1..=width].copy_from_slice(&body_len.to_le_bytes()[..width]);
        entry.truncate(1 + width);
        entry.extend([0; 4]);
        entry.extend_from_slice(data);
        seal_entries(&mut entry);
        assert_eq!(walk(&entry), usize::from(number != 0), "zeroed memory is no entry");
    }
});

/// How many entries there are.
fn walk(bytes: &[u8]) -> usize {
    let mut at = 0;
    let mut count = 0;
    for entry in entries(bytes) {
        let Ok(entry) = entry else { break };
        assert_eq!(entry.offset as usize, at);
        assert_eq!(entry.bytes(), &bytes[at..at + entry.bytes().len()]);
        at += entry.bytes().len();
        count += 1;
        check(&entry);
    }
    count
}

fn check(entry: &Entry<'_>) {
    let (header, header_len) = EntryHeader::decode(entry.header_bytes()).expect("it was decoded before");
    let mut out = [0; EntryHeader::LEN_MAX];
    assert_eq!(header.encode(&mut out), header_len);
    assert_eq!(&out[..header_len], entry.header_bytes());
    assert_eq!((header.entry_type, header.body_len as usize), (entry.entry_type, entry.body().len()));
    assert_eq!(Entry::decode(entry.bytes(), entry.offset).as_ref(), Ok(entry));
    assert!(Entry::decode(&entry.bytes()[..entry.bytes().len() - 1], 0).is_err());
    let is_whole = entry.verify().is_ok();
    let Ok(parsed) = within(0, 0, || entry.parse()) else { return };
    let body = entry.body();
    let again = match parsed {
        Parsed::Object(object) => {
            assert!(object.version.0 > 0 && object.key.len() <= KEY_BYTES_MAX);
            assert_eq!(ObjectEntry::decode(body), Ok(object));
            draft(&EntryDraft::Object(object))
        }
        Parsed::Tombstone(tombstone) => {
            assert!(tombstone.key.len() <= KEY_BYTES_MAX);
            assert_eq!(TombstoneEntry::decode(body), Ok(tombstone));
            draft(&EntryDraft::Tombstone(tombstone))
        }
        Parsed::Digest(digest) => {
            assert_eq!(Digest::decode(body), Ok(digest));
            let ids: Vec<_> = digest.iter().collect();
            assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
            Digest::encode(&ids)
        }
        Parsed::SafeVersion(safe) => {
            assert_eq!(SafeVersion::decode(body), Ok(safe));
            safe.encode()
        }
        Parsed::TabletStats(stats) => {
            assert_eq!(TabletStats::decode(body), Ok(stats));
            let stats: Vec<_> = stats.iter().collect();
            assert_eq!(stats.len() * 40, body.len() - 4, "every one that is there is listed");
            TabletStats::encode(&stats)
        }
        Parsed::Unknown(kind) => {
            assert!(kind > EntryType::TABLET_STATS);
            return;
        }
    };
    // All but the checksum is the same, and that too if it was right.
    assert_eq!(again.len(), entry.bytes().len());
    assert_eq!(again[header_len + 4..], body[4..]);
    assert_eq!(again == entry.bytes(), is_whole);
}

fn draft(draft: &EntryDraft<'_>) -> Vec<u8> {
    let mut out = vec![0; draft.encoded_len()];
    draft.encode(&mut out);
    out
}
