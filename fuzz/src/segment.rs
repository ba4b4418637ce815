//! Segments out of any bytes. No fuzzer guesses a crc32c: as the input chooses, checksums are made right.

use rekindle_log::segment::{CAPACITY_MIN, CertificateCheck, EntryHeader, SegmentHeader};
use rekindle_log::{Certificate, crc32c};
use rekindle_types::{LogId, SegmentId};

/// What of a segment is made right; the rest is the input's.
#[derive(Clone, Copy, Debug)]
pub struct Sealing(pub u8);

impl Sealing {
    fn header(self) -> bool {
        self.0 & 1 == 0
    }

    fn bodies(self) -> bool {
        self.0 & 2 == 0
    }

    fn certificate(self) -> bool {
        self.0 & 4 == 0
    }
}

/// The bytes of a segment, and a certificate that fits them if they have one and `sealing` wants it.
pub fn segment(sealing: Sealing, log: LogId, id: SegmentId, input: &[u8]) -> (Vec<u8>, Certificate) {
    let (stored, rest) = input.split_at(input.len().min(Certificate::LEN));
    let mut bytes = if sealing.header() {
        SegmentHeader { log, segment: id, capacity: CAPACITY_MIN }.encode().to_vec()
    } else {
        Vec::new()
    };
    bytes.extend_from_slice(rest);
    if sealing.bodies() && bytes.len() > SegmentHeader::LEN {
        seal_entries(&mut bytes[SegmentHeader::LEN..]);
    }
    let hostile = Certificate::decode(stored).unwrap_or_default();
    let certificate = if sealing.certificate() { whole(&bytes).unwrap_or(hostile) } else { hostile };
    (bytes, certificate)
}

/// The certificate of the longest prefix that has one.
fn whole(bytes: &[u8]) -> Option<Certificate> {
    let entries = rekindle_log::segment::entries(bytes.get(SegmentHeader::LEN..)?);
    let walked: usize = entries.map_while(Result::ok).map(|entry| entry.bytes().len()).sum();
    CertificateCheck::certify(&bytes[..SegmentHeader::LEN + walked]).ok()
}

/// Writes the right crc32c into the body of every entry that can be walked to.
pub fn seal_entries(mut bytes: &mut [u8]) {
    while let Ok((header, at)) = EntryHeader::decode(bytes) {
        let end = at + header.body_len as usize;
        if end > bytes.len() {
            return;
        }
        let (entry, rest) = bytes.split_at_mut(end);
        let crc = crc32c(&entry[at + 4..]);
        entry[at..at + 4].copy_from_slice(&crc.to_le_bytes());
        bytes = rest;
    }
}
