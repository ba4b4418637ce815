//! A segment and its certificate: the reader and the check of growing segments agree about every certificate,
//! right or hostile; what they take ends on an entry, has the certificate that it came with and no other, and
//! grows step by step as it does at once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rekindle_fuzz::{Sealing, segment, within};
use rekindle_log::Certificate;
use rekindle_log::segment::{CertificateCheck, SegmentHeader, SegmentReader};
use rekindle_types::{LogId, SegmentId, ServerId};

fuzz_target!(|data: &[u8]| {
    let Some((flags, input)) = data.split_first() else { return };
    let (bytes, certificate) = segment(Sealing(*flags), LogId::of(ServerId(1)), SegmentId(4), input);
    assert_eq!(Certificate::decode(&certificate.encode()), Ok(certificate));
    let read = within(0, 0, || SegmentReader::new(&bytes, certificate));
    let checked = within(0, 0, || CertificateCheck::default().advance(&bytes, certificate));
    assert_eq!(read.is_ok(), checked.is_ok(), "{read:?} {checked:?}");
    let Ok(reader) = read else { return };
    assert_eq!(reader.bytes(), &bytes[..certificate.length as usize]);
    assert_eq!(CertificateCheck::certify(reader.bytes()), Ok(certificate));
    if let Some(digest) = within(bytes.len(), 64, || reader.digest()) {
        assert!(digest.contains(&reader.header().segment));
        assert!(digest.is_sorted_by(|a, b| a < b), "{digest:?}");
    }
    grow(&bytes, &reader, certificate);
});

/// Every entry ends an append, as far as the check can know.
fn grow(bytes: &[u8], reader: &SegmentReader<'_>, last: Certificate) {
    let mut check = CertificateCheck::default();
    let mut end = SegmentHeader::LEN;
    for entry in reader.entries().take(64) {
        let entry = entry.expect("the certificate fits");
        assert_eq!(entry.offset as usize, end);
        end += entry.bytes().len();
        let certificate = CertificateCheck::certify(&bytes[..end]).expect("it ends with an entry");
        let inside = Certificate { length: certificate.length - 1, ..certificate };
        assert!(SegmentReader::new(bytes, inside).is_err());
        check.advance(bytes, certificate).expect("it fits");
        SegmentReader::new(bytes, certificate).expect("it fits");
    }
    check.advance(bytes, last).expect("it fits");
    let again = check;
    check.advance(bytes, Certificate { checksum: !last.checksum, ..last }).expect_err("another checksum");
    assert_eq!(check, again, "what does not fit changes nothing");
}
