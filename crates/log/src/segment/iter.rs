//! Walking the entries of a segment, or of what a filter has left of it.

use super::{Certificate, Corrupt, Digest, Entry, EntryType, Parsed, SegmentHeader};
use crate::crc::{crc32c, crc32c_append};
use rekindle_types::SegmentId;

/// Entries back to back, from the first to the end of `bytes`; offsets count from the start of `bytes`. An
/// error ends the walk: nothing behind a bad header can be found.
#[must_use]
pub fn entries(bytes: &[u8]) -> Entries<'_> {
    Entries { bytes, at: 0 }
}

/// Iterator over entries: whole, but neither verified nor parsed.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, Corrupt>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let entry = Entry::decode(&self.bytes[self.at..], u32::try_from(self.at).unwrap_or(u32::MAX));
        self.at = entry.as_ref().map_or(self.bytes.len(), |e| self.at + e.bytes().len());
        Some(entry)
    }
}

/// A segment whose certificate fits: segment header and entry headers are right, bodies are not yet verified.
#[derive(Clone, Copy, Debug)]
pub struct SegmentReader<'a> {
    header: SegmentHeader,
    bytes: &'a [u8],
}

impl<'a> SegmentReader<'a> {
    /// Checks `bytes`, a segment from its start and maybe longer than the certificate says, against it.
    pub fn new(bytes: &'a [u8], certificate: Certificate) -> Result<Self, Corrupt> {
        let header = SegmentHeader::decode(bytes)?;
        let length = certificate.length;
        let end = u32::try_from(bytes.len()).unwrap_or(u32::MAX).min(header.capacity);
        if (length as usize) < SegmentHeader::LEN || length > end {
            return Err(Corrupt::BadLength { length, end });
        }
        let reader = Self { header, bytes: &bytes[..length as usize] };
        let mut crc = crc32c(&bytes[..SegmentHeader::LEN]);
        let mut end = SegmentHeader::LEN as u32;
        for entry in reader.entries() {
            let entry = entry.map_err(|_| Corrupt::BadLength { length, end })?;
            crc = crc32c_append(crc, entry.header_bytes());
            end = entry.offset + entry.bytes().len() as u32;
        }
        let computed = Certificate::seal(length, crc).checksum;
        if computed != certificate.checksum {
            let stored = certificate.checksum;
            return Err(Corrupt::Crc { what: "certificate", computed, stored });
        }
        Ok(reader)
    }

    /// Checks every body too.
    pub fn verified(bytes: &'a [u8], certificate: Certificate) -> Result<Self, Corrupt> {
        let reader = Self::new(bytes, certificate)?;
        for entry in reader.entries() {
            entry?.verify()?;
        }
        Ok(reader)
    }

    /// Whose segment it is.
    #[must_use]
    pub fn header(&self) -> SegmentHeader {
        self.header
    }

    /// The valid bytes.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Its entries; offsets count from the segment's start.
    #[must_use]
    pub fn entries(&self) -> Entries<'a> {
        Entries { bytes: self.bytes, at: SegmentHeader::LEN }
    }

    /// The ids in its digest, when its first entry is a valid one that names the segment itself: it was
    /// written as a head.
    #[must_use]
    pub fn digest(&self) -> Option<Vec<SegmentId>> {
        let first = self.entries().next()?.ok()?;
        if first.entry_type != EntryType::DIGEST || first.verify().is_err() {
            return None;
        }
        let Ok(Parsed::Digest(digest)) = first.parse() else { return None };
        Digest::iter(&digest).any(|id| id == self.header.segment).then(|| digest.iter().collect())
    }
}
