//! Checking certificates of a segment that grows.

use super::{Certificate, Corrupt, SegmentHeader};
use crate::crc::{crc32c, crc32c_append};

/// Checks one certificate after the other of a growing segment and looks at each entry header once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CertificateCheck {
    length: u32,
    headers_crc: u32,
    /// From the segment's header.
    capacity: u32,
}

impl CertificateCheck {
    /// Goes on to the end of `certificate`; `bytes` are the segment's from its start. Changes nothing when the
    /// certificate does not fit, or is shorter than one that was checked before.
    pub fn advance(&mut self, bytes: &[u8], certificate: Certificate) -> Result<(), Corrupt> {
        let mut next = *self;
        if next.length == 0 {
            next.capacity = SegmentHeader::decode(bytes)?.capacity;
            next.headers_crc = crc32c(&bytes[..SegmentHeader::LEN]);
            next.length = SegmentHeader::LEN as u32;
        }
        let length = certificate.length;
        if length < next.length || length > next.capacity || length as usize > bytes.len() {
            return Err(Corrupt::BadLength { length, end: next.length });
        }
        let tail = &bytes[next.length as usize..length as usize];
        for entry in super::entries(tail) {
            let entry = entry.map_err(|_| Corrupt::BadLength { length, end: next.length })?;
            next.headers_crc = crc32c_append(next.headers_crc, entry.header_bytes());
        }
        next.length = length;
        let computed = Certificate::seal(length, next.headers_crc).checksum;
        if computed != certificate.checksum {
            let stored = certificate.checksum;
            return Err(Corrupt::Crc { what: "certificate", computed, stored });
        }
        *self = next;
        Ok(())
    }

    /// The certificate of all of `bytes`, a segment from its start.
    pub fn certify(bytes: &[u8]) -> Result<Certificate, Corrupt> {
        let capacity = SegmentHeader::decode(bytes)?.capacity;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        if length > capacity {
            return Err(Corrupt::BadLength { length, end: capacity });
        }
        let mut crc = crc32c(&bytes[..SegmentHeader::LEN]);
        for entry in super::entries(&bytes[SegmentHeader::LEN..]) {
            crc = crc32c_append(crc, entry?.header_bytes());
        }
        Ok(Certificate::seal(length, crc))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::{CAPACITY_MIN, Digest, SafeVersion, SegmentReader};
    use rekindle_types::{LogId, SegmentId, ServerId, Version};

    fn segment() -> (Vec<u8>, usize) {
        let log = LogId::of(ServerId(1));
        let header = SegmentHeader { log, segment: SegmentId(7), capacity: 64 << 10 };
        let mut bytes = header.encode().to_vec();
        bytes.extend(Digest::encode(&[SegmentId(3), SegmentId(7)]));
        let first = bytes.len();
        bytes.extend(SafeVersion(Version(9)).encode());
        (bytes, first)
    }

    #[test]
    fn growing_certificates_are_those_that_a_reader_takes() {
        let (bytes, first) = segment();
        let mut check = CertificateCheck::default();
        for length in [first, bytes.len()] {
            let certificate = CertificateCheck::certify(&bytes[..length]).unwrap();
            check.advance(&bytes, certificate).unwrap();
            SegmentReader::verified(&bytes, certificate).unwrap();
        }
    }

    #[test]
    fn what_does_not_fit_changes_nothing() {
        let (bytes, first) = segment();
        let certificate = CertificateCheck::certify(&bytes).unwrap();
        for at in 0..bytes.len() {
            let mut spoiled = bytes.clone();
            spoiled[at] ^= 0x10;
            let mut check = CertificateCheck::default();
            // Bodies carry a checksum of their own; everything else is the certificate's.
            if check.advance(&spoiled, certificate).is_err() {
                assert_eq!(check, CertificateCheck::default());
                check.advance(&bytes, certificate).unwrap();
            }
        }
        for cut in 0..bytes.len() {
            assert!(CertificateCheck::default().advance(&bytes[..cut], certificate).is_err());
            let length = cut as u32;
            let short = Certificate { length, ..certificate };
            assert!(CertificateCheck::default().advance(&bytes, short).is_err());
            let is_boundary = cut == SegmentHeader::LEN || cut == first;
            assert_eq!(CertificateCheck::certify(&bytes[..cut]).is_ok(), is_boundary, "{cut}");
        }
    }

    #[test]
    fn nothing_is_certified_past_the_capacity_that_the_header_names() {
        let (mut bytes, _) = segment();
        let safe = SafeVersion(Version(9)).encode();
        while bytes.len() + safe.len() <= CAPACITY_MIN as usize {
            bytes.extend_from_slice(&safe);
        }
        let full = CertificateCheck::certify(&bytes).unwrap();
        let mut check = CertificateCheck::default();
        check.advance(&bytes, full).unwrap();
        bytes.extend_from_slice(&safe);
        let headers_crc = crc32c_append(check.headers_crc, &safe[..2]);
        let past = Certificate::seal(bytes.len() as u32, headers_crc);
        for refused in [
            CertificateCheck::certify(&bytes).map(drop),
            CertificateCheck::default().advance(&bytes, past),
            check.advance(&bytes, past),
            SegmentReader::new(&bytes, past).map(drop),
        ] {
            assert!(matches!(refused, Err(Corrupt::BadLength { .. })), "{refused:?}");
        }
        check.advance(&bytes, full).unwrap();
    }
}
