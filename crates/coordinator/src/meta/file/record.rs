//! The state of one entity, or its removal. Byte table: docs/formats/meta-log.md.

use super::le;
use crate::meta::{EntityId, Record};
use bytes::{BufMut, Bytes};
use rekindle_log::crc32c;
use rekindle_types::{Lsn, Term};

/// Bytes before the state.
pub(super) const RECORD_LEN: usize = 44;

const STATE: u8 = 1;
const REMOVAL: u8 = 2;
const LAYOUT: u8 = 1;

/// A record as it is read: the state is a part of the file's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StoredRecord<'a> {
    pub entity: EntityId,
    pub version: Lsn,
    pub state: Option<&'a [u8]>,
}

impl StoredRecord<'_> {
    /// The change that it is.
    pub fn change(&self) -> Record {
        Record { entity: self.entity, state: self.state.map(Bytes::copy_from_slice) }
    }

    pub fn encode(&self, term: Term, to: &mut Vec<u8>) {
        let start = to.len();
        let state = self.state.unwrap_or_default();
        to.put_u32_le(0);
        to.put_slice(&[if self.state.is_some() { STATE } else { REMOVAL }, LAYOUT, self.entity.kind, 0]);
        to.put_u32_le(u32::try_from(state.len()).expect("batches are bounded"));
        for number in [self.entity.first, self.entity.second, self.version.0, term.0] {
            to.put_u64_le(number);
        }
        to.put_slice(state);
        let crc = crc32c(&to[start + 4..]);
        to[start..start + 4].copy_from_slice(&crc.to_le_bytes());
    }
}

impl<'a> StoredRecord<'a> {
    /// The record at the front of `bytes`, and its length; or what is wrong with it.
    pub(super) fn decode(bytes: &'a [u8], term: Term) -> Result<(Self, usize), &'static str> {
        let head: &[u8; RECORD_LEN] = bytes.first_chunk().ok_or("a record is cut off")?;
        let length = RECORD_LEN + le::u32(head, 8) as usize;
        let whole = bytes.get(..length).ok_or("a record is cut off")?;
        if le::u32(head, 0) != crc32c(&whole[4..]) {
            return Err("the checksum of a record is wrong");
        }
        let state = match head[4] {
            STATE => Some(&whole[RECORD_LEN..]),
            REMOVAL if length == RECORD_LEN => None,
            _ => return Err("a record has no known type"),
        };
        if head[5] != LAYOUT || head[7] != 0 {
            return Err("a record has no known layout");
        }
        if le::u64(head, 36) != term.0 {
            return Err("a record is of another term");
        }
        let entity = EntityId { kind: head[6], first: le::u64(head, 12), second: le::u64(head, 20) };
        Ok((Self { entity, version: Lsn(le::u64(head, 28)), state }, length))
    }
}
