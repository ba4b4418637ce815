//! Parts of bodies, written. Their counterparts are methods of [`super::Reader`].

use super::TEXT_BYTES_MAX;
use crate::wire::{FrameWriter, Party};
use bytes::{BufMut, Bytes, BytesMut};
use rekindle_log::Certificate;
use rekindle_types::{LogId, Partition, ReplicaId, TabletState};

pub(crate) fn party(out: &mut BytesMut, party: Party) {
    let (kind, id) = match party {
        Party::Coordinator => (1, 0),
        Party::Server(id) => (2, id.0),
        Party::Client => (3, 0),
        Party::Newcomer => (4, 0),
    };
    out.put_u8(kind);
    out.put_u64_le(id);
}

pub(crate) fn log(out: &mut BytesMut, log: LogId) {
    out.put_u64_le(log.server.0);
    out.put_u16_le(log.index);
}

pub(crate) fn replica(out: &mut BytesMut, replica: ReplicaId) {
    log(out, replica.log);
    out.put_u64_le(replica.segment.0);
    out.put_u64_le(replica.creation.0);
}

pub(crate) fn certificate(out: &mut BytesMut, certificate: Certificate) {
    out.put_u32_le(certificate.length);
    out.put_u32_le(certificate.checksum);
}

pub(crate) fn count(out: &mut BytesMut, count: usize) {
    out.put_u32_le(u32::try_from(count).expect("no list has so many elements"));
}

/// Cut at the limit, on a character's boundary: texts are for people.
pub(crate) fn text(out: &mut BytesMut, text: &str) {
    let mut cut = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    out.put_u16_le(cut as u16);
    out.put_slice(&text.as_bytes()[..cut]);
}

pub(crate) fn optional_u64(out: &mut BytesMut, value: Option<u64>) {
    out.put_u8(value.is_some().into());
    if let Some(value) = value {
        out.put_u64_le(value);
    }
}

/// A key longer than 65,535 bytes can't be a key: it is sent as an empty one, which the master refuses.
pub(crate) fn short_bytes(frame: &mut FrameWriter, bytes: &Bytes) {
    match u16::try_from(bytes.len()) {
        Ok(length) => {
            frame.buffer().put_u16_le(length);
            frame.payload(bytes);
        }
        Err(_) => frame.buffer().put_u16_le(0),
    }
}

pub(crate) fn long_bytes(frame: &mut FrameWriter, bytes: &Bytes) {
    count(frame.buffer(), bytes.len());
    frame.payload(bytes);
}

pub(crate) fn partition(out: &mut BytesMut, partition: &Partition) {
    count(out, partition.pieces.len());
    for piece in &partition.pieces {
        out.put_u64_le(piece.table.0);
        out.put_u64_le(piece.range.first().0);
        out.put_u64_le(piece.range.last().0);
        out.put_u64_le(piece.owner.0);
        out.put_u64_le(piece.version.0);
        out.put_u8(match piece.state {
            TabletState::Normal => 0,
            TabletState::Recovering => 1,
        });
        out.put_u64_le(piece.created.0);
    }
}
