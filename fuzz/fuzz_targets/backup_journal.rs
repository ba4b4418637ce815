//! Journal records: a header that decodes encodes to the same bytes; any file is read to its first bad record.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rekindle_backup::store::file::{RecordHeader, scan_records};
use rekindle_log::crc32c;

fuzz_target!(|data: &[u8]| {
    check(data);
    // A file of records with right checksums, each with as many bytes as its third byte says.
    let mut file = Vec::new();
    let mut first = None;
    for (at, script) in data.chunks(RecordHeader::LEN).enumerate() {
        let mut header = [0; RecordHeader::LEN];
        header[..script.len()].copy_from_slice(script);
        let length = usize::from(header[72]);
        let mut seal = |from: usize, bytes: &[u8]| header[from..from + bytes.len()].copy_from_slice(bytes);
        seal(0, &RecordHeader::MAGIC);
        seal(72, &(length as u32).to_le_bytes());
        seal(76, &crc32c(&vec![7; length]).to_le_bytes());
        if script[0] & 1 == 0 {
            seal(40, &(at as u64 + 1).to_le_bytes());
            seal(32, &[0; 8]);
            seal(48, &[0; 8]);
            seal(80, &[0; 8]);
        }
        let end = RecordHeader::LEN - 4;
        let crc = crc32c(&header[..end]);
        header[end..].copy_from_slice(&crc.to_le_bytes());
        check(&header);
        if let Ok(found) = RecordHeader::decode(&header) {
            first.get_or_insert((found.replica, found.secret));
        }
        file.extend_from_slice(&header);
        file.extend(std::iter::repeat_n(7, length));
    }
    if let Some((replica, secret)) = first {
        let _ = scan_records(replica, secret, &file.into());
    }
});

fn check(bytes: &[u8]) {
    let Ok(found) = rekindle_fuzz::within(0, 0, || RecordHeader::decode(bytes)) else { return };
    assert_eq!(found.encode(), bytes[..RecordHeader::LEN]);
    assert!(found.length <= 1 << 20);
    assert!(RecordHeader::decode(&bytes[..RecordHeader::LEN - 1]).is_err());
}
