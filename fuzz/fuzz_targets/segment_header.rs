//! The header of a segment: what decodes has the limits of the format, and encodes to the same 32 bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rekindle_log::crc32c;
use rekindle_log::segment::{CAPACITY_MAX, CAPACITY_MIN, CAPACITY_UNIT, SegmentHeader};

fuzz_target!(|data: &[u8]| {
    check(data);
    if let Some(bytes) = data.first_chunk::<{ SegmentHeader::LEN }>() {
        // The same with a right checksum; as the first byte chooses, with the right magic and version too.
        let mut sealed = *bytes;
        if bytes[0] & 1 == 0 {
            sealed[..6].copy_from_slice(b"RKS1\x01\0");
        }
        let crc = crc32c(&sealed[..28]);
        sealed[28..].copy_from_slice(&crc.to_le_bytes());
        check(&sealed);
    }
});

fn check(bytes: &[u8]) {
    let Ok(header) = rekindle_fuzz::within(0, 0, || SegmentHeader::decode(bytes)) else { return };
    assert_eq!(header.encode(), bytes[..SegmentHeader::LEN]);
    assert!((CAPACITY_MIN..=CAPACITY_MAX).contains(&header.capacity));
    assert!(header.capacity.is_multiple_of(CAPACITY_UNIT) && header.segment.0 > 0);
    assert!(SegmentHeader::decode(&bytes[..SegmentHeader::LEN - 1]).is_err());
}
