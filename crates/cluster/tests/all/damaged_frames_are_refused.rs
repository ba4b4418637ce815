//! Every byte flipped, every length cut, of every frame and body: a typed error or another valid value, never a
//! panic, and never a count believed that the bytes at hand can't hold.

use crate::samples::*;
use bytes::{BufMut, Bytes, BytesMut};
use rekindle_backup::ReplicaWrite;
use rekindle_client::ObjectRequest;
use rekindle_cluster::wire::{
    CallRefusal, Frame, FrameKind, FrameWriter, Hello, LaneKind, WireError,
    codec::{self, PARTITIONS_MAX, PIECES_MAX, REPLICAS_MAX},
};
use rekindle_types::{
    KeyHash, ListUpdate, ListVersion, ServerEntry, ServerId, ServerList, ServerStatus, TableId, TabletMap,
    TabletVersion,
};
use std::collections::BTreeMap;

#[test]
fn what_was_written_is_read() {
    for sample in samples() {
        let body = sample.body();
        let again = (sample.again)(&body).unwrap_or_else(|| panic!("{} does not decode", sample.name));
        assert_eq!(bytes_of(again), sample.frame, "{}", sample.name);
    }
}

#[test]
fn every_byte_of_a_body_flipped() {
    for sample in samples() {
        let body = sample.body();
        for at in 0..body.len() {
            for flip in [1, 0x80, 0xff] {
                let mut damaged = BytesMut::from(&body[..]);
                damaged[at] ^= flip;
                let damaged = damaged.freeze();
                let Some(again) = (sample.again)(&damaged) else { continue };
                if sample.is_canonical {
                    let again = Frame::decode(&bytes_of(again), usize::MAX).unwrap().body;
                    assert_eq!(
                        again, damaged,
                        "{} read something that was not there, byte {at}",
                        sample.name
                    );
                }
            }
        }
    }
}

#[test]
fn every_length_of_a_body_cut() {
    for sample in samples() {
        let body = sample.body();
        for length in 0..body.len() {
            assert!((sample.again)(&body.slice(..length)).is_none(), "{} cut to {length}", sample.name);
        }
        let mut longer = BytesMut::from(&body[..]);
        longer.put_u8(0);
        assert!((sample.again)(&longer.freeze()).is_none(), "{} with a byte more", sample.name);
    }
}

#[test]
fn every_byte_of_a_frames_header_flipped_and_every_length_cut() {
    for sample in samples() {
        for length in 0..sample.frame.len() {
            assert!(Frame::decode(&sample.frame.slice(..length), usize::MAX).is_err());
        }
        for at in 0..FrameKind(sample.frame[4]).header_bytes() {
            for flip in 1..=255 {
                let mut damaged = BytesMut::from(&sample.frame[..]);
                damaged[at] ^= flip;
                let frame = Frame::decode(&damaged.freeze(), usize::MAX);
                assert!(at >= 4 || frame.is_err(), "a length that does not fit was believed");
            }
        }
    }
}

#[test]
fn lengths_are_checked_before_anything_is_allocated() {
    let max = LaneKind::Replication.frame_bytes_max();
    let check = |length: u32| Frame::check_length(length.to_le_bytes(), max);
    assert_eq!(check(max as u32 - 4), Ok(max));
    assert!(matches!(check(max as u32 - 3), Err(WireError::TooLong { .. })));
    assert!(matches!(check(u32::MAX), Err(WireError::TooLong { .. })));
    assert!(matches!(check(12), Err(WireError::Short { .. })));
    let long = FrameWriter::new(FrameKind::STATS);
    assert!(matches!(long.finish(0, 0, STAMP, 10), Err(WireError::TooLong { .. })), "nor are they sent");
}

fn counted(before: &[u8], count: usize, after: usize) -> Bytes {
    let mut body = BytesMut::from(before);
    body.put_u32_le(count as u32);
    body.put_bytes(0, after);
    body.freeze()
}

#[test]
fn counts_beyond_a_limit_or_beyond_the_bytes_are_refused() {
    let too_long = |error: WireError| matches!(error, WireError::TooLong { .. });
    let short = |error: WireError| matches!(error, WireError::Short { .. });
    let calls = ObjectRequest::CALLS_MAX;
    let request = |count, after| codec::decode_object_request(&counted(&[], count, after), 0).unwrap_err();
    assert!(too_long(request(calls + 1, 1 << 20)));
    assert!(short(request(calls, 18)));
    let reply = |count, after| codec::decode_object_reply(&counted(&[], count, after)).unwrap_err();
    assert!(too_long(reply(calls + 1, 1 << 20)));
    assert!(short(reply(calls, calls - 1)));
    let inventory = |count| codec::decode_inventory(&counted(&[0], count, 36)).unwrap_err();
    assert!(too_long(inventory(REPLICAS_MAX + 1)));
    assert!(short(inventory(1)));
    let plan = |count| codec::decode_start_recovery(&counted(&[0; 10], count, 33)).unwrap_err();
    assert!(too_long(plan(REPLICAS_MAX + 1)));
    assert!(short(plan(1)));
    let partitions = |count| codec::decode_start_recovery(&counted(&[0; 14], count, 3)).unwrap_err();
    assert!(too_long(partitions(PARTITIONS_MAX + 1)));
    assert!(short(partitions(1)));
    let mut load = BytesMut::zeroed(31);
    load[26] = 1;
    let pieces = |count| codec::decode_load(&counted(&load, count, 48)).unwrap_err();
    assert!(too_long(pieces(PIECES_MAX + 1)));
    assert!(short(pieces(1)));
    let written = |count, after| codec::decode_write(&counted(&[0; 45], count, after)).unwrap_err();
    assert!(too_long(written(ReplicaWrite::BYTES_MAX + 1, ReplicaWrite::BYTES_MAX + 1)));
    assert!(short(written(ReplicaWrite::BYTES_MAX, 10)));
}

#[test]
fn control_counts_allocate_no_more_than_there_are_bytes_for() {
    // A list of servers that claims to be 2^60 long: it has to fail at its end, not in the allocator.
    let mut body = vec![0, 1, 1];
    body.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    let update = codec::decode_postcard::<rekindle_types::ListUpdate>(&body.into());
    assert_eq!(update, Err(WireError::Invalid { what: "control body" }));
}

#[test]
fn another_protocol_version_says_so() {
    let body = samples()[0].body();
    let mut newer = BytesMut::from(&body[..]);
    newer[4] = 2;
    assert_eq!(Hello::decode(&newer.freeze()), Err(WireError::Version { got: 2, spoken: 1 }));
}

#[test]
fn long_texts_are_cut_on_a_character() {
    let refusal = CallRefusal::NotDone("ä".repeat(1000) + "x");
    let body = Frame::decode(&bytes_of(refusal.encode()), usize::MAX).unwrap().body;
    assert_eq!(CallRefusal::decode(&body), Ok(CallRefusal::NotDone("ä".repeat(512))));
}

#[test]
fn an_empty_key_range_is_refused() {
    let range = |first: u64, last: u64| {
        let frame = codec::encode_postcard(FrameKind::ORDER, &(first, last));
        let body = Frame::decode(&bytes_of(frame), usize::MAX).unwrap().body;
        codec::decode_postcard::<rekindle_types::KeyRange>(&body)
    };
    assert!(range(3, 3).is_ok());
    assert!(range(4, 3).is_err());
}

/// The type with these fields is read from `received`, which has its form on the wire.
fn received<T: serde::de::DeserializeOwned>(received: &impl serde::Serialize) -> Result<T, WireError> {
    let frame = codec::encode_postcard(FrameKind::ORDER, received);
    codec::decode_postcard(&Frame::decode(&bytes_of(frame), usize::MAX).unwrap().body)
}

#[test]
fn a_server_listed_under_another_id_is_refused() {
    let entry = ServerEntry {
        id: ServerId(2),
        name: "n".into(),
        address: "a".into(),
        domain: "d".into(),
        status: ServerStatus::Up,
    };
    let list =
        |id| received::<ServerList>(&(ListVersion(1), ServerId(9), BTreeMap::from([(id, entry.clone())])));
    assert!(list(ServerId(2)).unwrap().is_up(ServerId(2)));
    assert!(list(ServerId(3)).is_err());
    // In an increment, the entry counts.
    let (from, to) = (ListVersion(0), ListVersion(1));
    let changes = vec![(ServerId(3), Some(entry))];
    let mut list = ServerList::default();
    list.apply(&ListUpdate::Increment { from, to, next_id: ServerId(9), changes }).unwrap();
    assert!(list.is_up(ServerId(2)) && !list.is_up(ServerId(3)));
}

#[test]
fn a_tablet_in_the_place_of_another_is_refused() {
    let tablet = partition().pieces[0];
    let map = |table, first| {
        let tablets = BTreeMap::from([((table, first), tablet)]);
        received::<TabletMap>(&(TabletVersion(1), BTreeMap::<TableId, String>::new(), tablets))
    };
    let (table, first) = (tablet.table, tablet.range.first());
    assert_eq!(map(table, first).unwrap().lookup(table, first), Some(&tablet));
    assert!(map(table.next(), first).is_err());
    assert!(map(table, KeyHash(first.0 + 1)).is_err());
}
