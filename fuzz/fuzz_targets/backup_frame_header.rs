//! The header of a frame: what decodes encodes to the same bytes, and its blocks are those of its length.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rekindle_backup::store::file::FrameHeader;
use rekindle_fuzz::sealed_page;

fuzz_target!(|data: &[u8]| {
    check(data);
    for segment_bytes in [64 << 10, 8 << 20, 64 << 20] {
        check(&sealed_page(data, *b"RKF1", FrameHeader::encoded_len(segment_bytes)));
    }
});

fn check(bytes: &[u8]) {
    let Ok(found) = rekindle_fuzz::within(bytes.len(), 256, || FrameHeader::decode(bytes)) else { return };
    assert_eq!(found.encode(bytes.len()), bytes);
    assert!(found.certificate.length <= found.capacity && found.digest_end <= found.certificate.length);
}
