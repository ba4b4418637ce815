//! Reads bodies.

use super::{PIECES_MAX, TEXT_BYTES_MAX, WireError};
use crate::wire::Party;
use bytes::Bytes;
use rekindle_log::Certificate;
use rekindle_types::{
    CreationNumber, KeyHash, KeyRange, LogId, Partition, ReplicaId, SegmentId, ServerId, TableId, Tablet,
    TabletState, TabletVersion,
};

/// A cursor over a body. Byte strings are views of it.
#[derive(Debug)]
pub struct Reader<'a> {
    body: &'a Bytes,
    at: usize,
}

impl<'a> Reader<'a> {
    /// At the start of `body`.
    #[must_use]
    pub fn new(body: &'a Bytes) -> Self {
        Self { body, at: 0 }
    }

    fn left(&self) -> usize {
        self.body.len() - self.at
    }

    fn take(&mut self, length: usize) -> Result<usize, WireError> {
        if self.left() < length {
            return Err(WireError::Short { need: length, have: self.left() });
        }
        let start = self.at;
        self.at += length;
        Ok(start)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let start = self.take(N)?;
        Ok(self.body[start..start + N].try_into().expect("the slice has this length"))
    }

    pub(crate) fn u8(&mut self) -> Result<u8, WireError> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u16(&mut self) -> Result<u16, WireError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, WireError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, WireError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn flag(&mut self) -> Result<bool, WireError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(WireError::Invalid { what: "flag" }),
        }
    }

    pub(crate) fn optional_u64(&mut self) -> Result<Option<u64>, WireError> {
        self.flag()?.then(|| self.u64()).transpose()
    }

    /// A count of elements that take at least `bytes_min` each: neither above `max` nor above what is there.
    pub(crate) fn count(
        &mut self,
        what: &'static str,
        max: usize,
        bytes_min: usize,
    ) -> Result<usize, WireError> {
        let got = self.u32()? as usize;
        if got > max {
            return Err(WireError::TooLong { what, max, got });
        }
        let need = got * bytes_min;
        if need > self.left() {
            return Err(WireError::Short { need, have: self.left() });
        }
        Ok(got)
    }

    /// A list of elements that take at least `bytes_min` bytes each.
    pub(crate) fn list<T>(
        &mut self,
        what: &'static str,
        max: usize,
        bytes_min: usize,
        mut element: impl FnMut(&mut Self) -> Result<T, WireError>,
    ) -> Result<Vec<T>, WireError> {
        let count = self.count(what, max, bytes_min)?;
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push(element(self)?);
        }
        Ok(list)
    }

    pub(crate) fn short_bytes(&mut self) -> Result<Bytes, WireError> {
        let length = self.u16()? as usize;
        let start = self.take(length)?;
        Ok(self.body.slice(start..start + length))
    }

    pub(crate) fn long_bytes(&mut self, what: &'static str, max: usize) -> Result<Bytes, WireError> {
        let length = self.u32()? as usize;
        if length > max {
            return Err(WireError::TooLong { what, max, got: length });
        }
        let start = self.take(length)?;
        Ok(self.body.slice(start..start + length))
    }

    pub(crate) fn text(&mut self) -> Result<String, WireError> {
        let length = self.u16()? as usize;
        if length > TEXT_BYTES_MAX {
            return Err(WireError::TooLong { what: "text", max: TEXT_BYTES_MAX, got: length });
        }
        let start = self.take(length)?;
        let text = std::str::from_utf8(&self.body[start..start + length]);
        text.map(str::to_owned).map_err(|_| WireError::Invalid { what: "text" })
    }

    pub(crate) fn party(&mut self) -> Result<Party, WireError> {
        match (self.u8()?, self.u64()?) {
            (1, 0) => Ok(Party::Coordinator),
            (2, id) => Ok(Party::Server(ServerId(id))),
            (3, 0) => Ok(Party::Client),
            (4, 0) => Ok(Party::Newcomer),
            _ => Err(WireError::Invalid { what: "party" }),
        }
    }

    pub(crate) fn log(&mut self) -> Result<LogId, WireError> {
        Ok(LogId { server: ServerId(self.u64()?), index: self.u16()? })
    }

    pub(crate) fn replica(&mut self) -> Result<ReplicaId, WireError> {
        Ok(ReplicaId {
            log: self.log()?,
            segment: SegmentId(self.u64()?),
            creation: CreationNumber(self.u64()?),
        })
    }

    pub(crate) fn certificate(&mut self) -> Result<Certificate, WireError> {
        Ok(Certificate { length: self.u32()?, checksum: self.u32()? })
    }

    pub(crate) fn partition(&mut self) -> Result<Partition, WireError> {
        let pieces = self.list("pieces", PIECES_MAX, 49, Self::piece)?;
        Ok(Partition { pieces })
    }

    fn piece(&mut self) -> Result<Tablet, WireError> {
        Ok(Tablet {
            table: TableId(self.u64()?),
            range: KeyRange::new(KeyHash(self.u64()?), KeyHash(self.u64()?))
                .ok_or(WireError::Invalid { what: "key range" })?,
            owner: ServerId(self.u64()?),
            version: TabletVersion(self.u64()?),
            state: match self.u8()? {
                0 => TabletState::Normal,
                1 => TabletState::Recovering,
                _ => return Err(WireError::Invalid { what: "tablet state" }),
            },
            created: SegmentId(self.u64()?),
        })
    }

    /// Everything has to have been read.
    pub(crate) fn end(&self) -> Result<(), WireError> {
        match self.left() {
            0 => Ok(()),
            left => Err(WireError::Trailing { left }),
        }
    }
}
