//! The superblock of a backup's directory: what decodes encodes to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rekindle_backup::store::file::Superblock;
use rekindle_fuzz::sealed_page;

fuzz_target!(|data: &[u8]| {
    check(data);
    check(&sealed_page(data, *b"RKB1", Superblock::LEN));
});

fn check(bytes: &[u8]) {
    let Ok(found) = rekindle_fuzz::within(0, 256, || Superblock::decode(bytes)) else { return };
    assert_eq!(found.encode(), bytes[..Superblock::LEN]);
    assert!(Superblock::decode(&bytes[..Superblock::LEN - 1]).is_err());
}
