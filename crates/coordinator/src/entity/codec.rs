//! Little-endian bytes by hand.

use bytes::Bytes;
use rekindle_types::{KeyHash, KeyRange};

/// Bytes that are no entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why} at byte {at}")]
pub struct Corrupt {
    why: &'static str,
    at: usize,
}

impl Corrupt {
    pub(crate) fn new(why: &'static str, at: usize) -> Self {
        Self { why, at }
    }
}

/// Builds an entity's bytes.
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub fn new(kind: u8, version: u8) -> Self {
        Self(vec![kind, version])
    }

    pub fn u8(&mut self, n: u8) -> &mut Self {
        self.0.push(n);
        self
    }

    pub fn u16(&mut self, n: u16) -> &mut Self {
        self.0.extend_from_slice(&n.to_le_bytes());
        self
    }

    pub fn u32(&mut self, n: u32) -> &mut Self {
        self.0.extend_from_slice(&n.to_le_bytes());
        self
    }

    pub fn u64(&mut self, n: u64) -> &mut Self {
        self.0.extend_from_slice(&n.to_le_bytes());
        self
    }

    pub fn range(&mut self, range: KeyRange) -> &mut Self {
        self.u64(range.first().0).u64(range.last().0)
    }

    /// A length and the bytes.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.u16(u16::try_from(text.len()).expect("names are checked on entry"));
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    pub fn count(&mut self, n: usize) -> &mut Self {
        self.u32(u32::try_from(n).expect("lists are bounded"))
    }

    pub fn finish(&mut self) -> Bytes {
        std::mem::take(&mut self.0).into()
    }
}

/// Takes an entity's bytes apart.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub fn corrupt(&self, why: &'static str) -> Corrupt {
        Corrupt::new(why, self.at)
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], Corrupt> {
        let end = self.at.checked_add(n).filter(|end| *end <= self.bytes.len());
        let taken = &self.bytes[self.at..end.ok_or(self.corrupt("too short"))?];
        self.at += n;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Corrupt> {
        let bytes = self.take(N)?;
        Ok(bytes.try_into().expect("took as many"))
    }

    pub fn u8(&mut self) -> Result<u8, Corrupt> {
        Ok(self.array::<1>()?[0])
    }

    pub fn u16(&mut self) -> Result<u16, Corrupt> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Result<u32, Corrupt> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, Corrupt> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn bool(&mut self) -> Result<bool, Corrupt> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.corrupt("no boolean")),
        }
    }

    pub fn range(&mut self) -> Result<KeyRange, Corrupt> {
        let (first, last) = (KeyHash(self.u64()?), KeyHash(self.u64()?));
        KeyRange::new(first, last).ok_or(self.corrupt("empty range"))
    }

    pub fn text(&mut self) -> Result<String, Corrupt> {
        let length = usize::from(self.u16()?);
        let bytes = self.take(length)?;
        Ok(std::str::from_utf8(bytes).map_err(|_| self.corrupt("no text"))?.to_owned())
    }

    /// As many elements as a count says, each at least `element_bytes` long: a count beyond what is there is
    /// refused before anything is allocated.
    pub fn list<T>(
        &mut self,
        element_bytes: usize,
        mut element: impl FnMut(&mut Self) -> Result<T, Corrupt>,
    ) -> Result<Vec<T>, Corrupt> {
        let count = self.u32()? as usize;
        if count > (self.bytes.len() - self.at) / element_bytes {
            return Err(self.corrupt("too many elements"));
        }
        (0..count).map(|_| element(self)).collect()
    }

    pub fn end(&self) -> Result<(), Corrupt> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.corrupt("bytes left over")) }
    }
}
