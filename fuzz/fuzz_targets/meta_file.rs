//! Files of the meta log. The checksums of what looks like a header, a frame or a record are put right first, else no
//! input would get beyond the first. Whatever decodes is the same when its torn tail is cut off, and holds each entity
//! once; what had been durable is there or missed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rekindle_coordinator::meta::MetaFile;
use rekindle_fuzz::within;
use rekindle_log::crc32c;

const HEADER: usize = 64;
const RECORD: usize = 44;
/// That of version 2; in version 1 the secret is missing.
const FRAME: usize = 64;
const FRAME_1: usize = 56;

fuzz_target!(|data: &[u8]| {
    // The bytes as they are, too.
    check(data);
    let Some((mends, data)) = data.split_first() else { return };
    let mut file = data.to_vec();
    mend(&mut file, *mends);
    check(&file);
});

fn check(data: &[u8]) {
    let Ok(file) = within(data.len(), 1 << 10, || MetaFile::decode(data)) else { return };
    let torn = usize::try_from(file.torn_bytes).expect("it is a part of the data");
    let whole = MetaFile::decode(&data[..data.len() - torn]).expect("what was believed is believed alone");
    let entities = file.entities();
    assert_eq!((whole.torn_bytes, whole.last(), whole.entities()), (0, file.last(), entities.clone()));
    assert!(entities.is_sorted_by(|a, b| a.entity < b.entity));
    assert!(entities.iter().all(|e| e.version <= file.last()));
}

/// Makes a file of the bytes as far as they allow: magics, lengths and checksums. The bits of `mends` leave out some.
fn mend(file: &mut [u8], mends: u8) {
    if file.len() < HEADER {
        return;
    }
    file[4..8].copy_from_slice(b"RKML");
    let version = 1 + u16::from(file[8] & 3 != 0);
    file[8..10].copy_from_slice(&version.to_le_bytes());
    let frame_bytes = if version == 1 { FRAME_1 } else { FRAME };
    if version == 1 {
        file[10..16].fill(0);
    }
    let mut secret = [0; FRAME - FRAME_1];
    secret[..6].copy_from_slice(&file[10..16]);
    // Small numbers, so that terms and lengths agree by chance.
    file[33..40].fill(0);
    file[41..48].fill(0);
    let (term, records) = (file[32], file[48] % 4);
    file[48..64].fill(0);
    file[48] = records;
    let mut at = HEADER;
    for _ in 0..records {
        at = mend_record(file, at, term);
    }
    let snapshot = (at - HEADER) as u64;
    file[56..64].copy_from_slice(&snapshot.to_le_bytes());
    seal(file, 0, HEADER);
    let mut lsn = file[40];
    while file.len() - at >= frame_bytes {
        let frame = at;
        let is_batch = file[at + 8] & 1 == 1;
        let records = if is_batch { file[at + 12] % 4 } else { 0 };
        lsn = lsn.wrapping_add(u8::from(is_batch));
        let synced = file[at + 40].min(lsn.wrapping_sub(u8::from(is_batch)));
        file[at + 4..at + 8].copy_from_slice(b"RKMB");
        file[at + 8..at + frame_bytes].fill(0);
        file[at + 8] = if is_batch { 1 } else { 2 };
        file[at + 12] = records;
        (file[at + 24], file[at + 32], file[at + 40]) = (lsn, term, synced);
        file[at + 48..at + 56].copy_from_slice(&(frame as u64).to_le_bytes());
        if version == 2 {
            file[at + 56..at + FRAME].copy_from_slice(&secret);
        }
        at += frame_bytes;
        for _ in 0..records {
            at = mend_record(file, at, term);
        }
        let bytes = (at - frame - frame_bytes) as u64;
        file[frame + 16..frame + 24].copy_from_slice(&bytes.to_le_bytes());
        // Some stay wrong.
        if mends & (1 << (lsn & 7)) == 0 {
            seal(file, frame, frame + frame_bytes);
        }
    }
}

/// The record at `at`, if there is room for one; its version stays as it is.
fn mend_record(file: &mut [u8], at: usize, term: u8) -> usize {
    if file.len() - at < RECORD {
        return at;
    }
    let length = usize::from(file[at + 8]) % 32;
    let end = (at + RECORD + length).min(file.len());
    let length = end - at - RECORD;
    file[at + 4] = if length == 0 { 1 + file[at + 4] % 2 } else { 1 };
    (file[at + 5], file[at + 7]) = (1, 0);
    file[at + 8..at + 12].copy_from_slice(&(length as u32).to_le_bytes());
    file[at + 29..at + RECORD].fill(0);
    file[at + 36] = term;
    seal(file, at, end);
    end
}

fn seal(file: &mut [u8], start: usize, end: usize) {
    let crc = crc32c(&file[start + 4..end]);
    file[start..start + 4].copy_from_slice(&crc.to_le_bytes());
}
