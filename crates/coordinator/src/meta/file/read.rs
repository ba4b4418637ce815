//! A file read back: what it holds, or what is wrong with it.

use super::{frame::Frame, frame::FrameKind, header::FileHeader, record::RECORD_LEN, record::StoredRecord};
use crate::meta::{StoredEntity, image::Image};
use bytes::Bytes;
use rekindle_types::{Lsn, Term};

/// Why a file can't be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// The bytes there were durable once, and are not what was written.
    #[error("damaged at byte {at}: {why}")]
    At {
        /// Offset in the file.
        at: u64,
        /// What is wrong there.
        why: &'static str,
    },
    /// Another release has written it.
    #[error("format version {0}, this release reads 1 and 2")]
    Version(u16),
}

impl Damage {
    pub(super) fn new(at: usize, why: &'static str) -> Self {
        Self::At { at: at as u64, why }
    }
}

/// A file of the log, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaFile {
    /// Whose it is.
    pub cluster: u128,
    /// The reign that wrote it.
    pub term: Term,
    /// Bytes at the end that were left out: a torn tail.
    pub torn_bytes: u64,
    pub(super) image: Image,
}

impl MetaFile {
    /// Reads a whole file. A batch is there as a whole or not at all; what had surely been durable is there, or the
    /// file is damaged. Allocates no more than a small multiple of `file`.
    pub fn decode(file: &[u8]) -> Result<Self, Damage> {
        let header = FileHeader::decode(file)?;
        let (mut image, mut at) = decode_snapshot(file, &header)?;
        while at < file.len() {
            match decode_frame(file, at, &header, &image) {
                Ok((records, end)) => {
                    if let Some(records) = records {
                        image.record(records.iter().map(StoredRecord::change));
                    }
                    at = end;
                }
                Err(_) if !was_durable(file, at, &header, image.last().next()) => break,
                Err((at, why)) => return Err(Damage::new(at, why)),
            }
        }
        let FileHeader { cluster, term, .. } = header;
        Ok(Self { cluster, term, torn_bytes: (file.len() - at) as u64, image })
    }

    /// The last batch.
    #[must_use]
    pub fn last(&self) -> Lsn {
        self.image.last()
    }

    /// All entities, in the order of their ids.
    #[must_use]
    pub fn entities(&self) -> Vec<StoredEntity> {
        self.image.stored()
    }
}

/// The snapshot had been synced before the file got its name: nothing in it may be wrong.
fn decode_snapshot(file: &[u8], header: &FileHeader) -> Result<(Image, usize), Damage> {
    let mut at = FileHeader::LEN;
    let end = usize::try_from(header.snapshot_bytes).ok().and_then(|bytes| at.checked_add(bytes));
    let snapshot =
        end.and_then(|end| file.get(..end)).ok_or(Damage::new(file.len(), "the snapshot is cut off"))?;
    let mut entities = Vec::with_capacity(snapshot.len() / RECORD_LEN);
    while at < snapshot.len() {
        let (record, length) =
            StoredRecord::decode(&snapshot[at..], header.term).map_err(|why| Damage::new(at, why))?;
        let is_next = entities.last().is_none_or(|(entity, _)| *entity < record.entity);
        let Some(state) =
            record.state.filter(|_| is_next && (Lsn(1)..=header.base).contains(&record.version))
        else {
            return Err(Damage::new(at, "a record has no place in a snapshot"));
        };
        entities.push((record.entity, (record.version, Bytes::copy_from_slice(state))));
        at += length;
    }
    if entities.len() as u64 != header.records {
        return Err(Damage::new(at, "the snapshot has not as many records as the header says"));
    }
    Ok((Image::new(entities, header.base), at))
}

type Batch<'a> = Option<Vec<StoredRecord<'a>>>;

/// The records of the frame at `at`, none for a mark, and where it ends; or where and what is wrong.
fn decode_frame<'a>(
    file: &'a [u8],
    at: usize,
    header: &FileHeader,
    image: &Image,
) -> Result<(Batch<'a>, usize), (usize, &'static str)> {
    let frame = Frame::decode(file, at, header).map_err(|why| (at, why))?;
    let expected = match frame.kind {
        FrameKind::Batch => image.last().next(),
        FrameKind::Mark => image.last(),
    };
    if frame.lsn != expected {
        return Err((at, "a frame has not the next sequence number"));
    }
    let mut at = at + Frame::length(header);
    if frame.kind == FrameKind::Mark {
        return Ok((None, at));
    }
    let end = usize::try_from(frame.record_bytes).ok().and_then(|bytes| at.checked_add(bytes));
    let Some(end) = end.filter(|end| *end <= file.len()) else { return Err((at, "a batch is cut off")) };
    let mut records = Vec::with_capacity((end - at) / RECORD_LEN);
    while at < end {
        let (record, length) = StoredRecord::decode(&file[at..end], header.term).map_err(|why| (at, why))?;
        if record.version != frame.lsn {
            return Err((at, "a record is of another batch"));
        }
        records.push(record);
        at += length;
    }
    if records.len() != frame.records as usize {
        return Err((at, "a batch has not as many records as its frame says"));
    }
    Ok((Some(records), end))
}

/// J2's test: whether a frame behind `at` vouches for the batch `lsn`. The bytes there may be a name that a client
/// chose, so only what carries the file's secret is a frame.
fn was_durable(file: &[u8], at: usize, header: &FileHeader, lsn: Lsn) -> bool {
    let Some(rest) = file.get(at + 1..) else { return false };
    let magics = rest.windows(Frame::MAGIC.len()).enumerate().filter(|(_, four)| *four == Frame::MAGIC);
    // The magic stands 4 bytes behind the beginning of its frame.
    let starts = magics.filter_map(|(found, _)| (at + 1 + found).checked_sub(4)).filter(|start| *start > at);
    starts.map(|start| Frame::decode(file, start, header)).any(|frame| frame.is_ok_and(|f| f.synced >= lsn))
}
