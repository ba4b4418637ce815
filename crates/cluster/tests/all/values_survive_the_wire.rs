//! Random object calls and writes come out as they went in, whatever their sizes, in one piece or several.

use crate::samples::bytes_of;
use crate::support::write;
use bytes::Bytes;
use proptest::{collection::vec, prelude::*};
use rekindle_backup::ReplicaWrite;
use rekindle_client::{Condition, ObjectCall, ObjectOp, ObjectReply, ObjectRequest, ObjectResult};
use rekindle_cluster::wire::{Frame, FrameWriter, codec};
use rekindle_types::{KeyHash, TableId, TabletVersion, Version};

fn body(frame: FrameWriter) -> Bytes {
    Frame::decode(&bytes_of(frame), usize::MAX).unwrap().body
}

fn payload() -> impl Strategy<Value = Bytes> {
    prop_oneof![vec(any::<u8>(), 0..40), vec(any::<u8>(), 2040..2056)].prop_map(Bytes::from)
}

fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![
        Just(Condition::Always),
        Just(Condition::IfPresent),
        Just(Condition::IfAbsent),
        any::<u64>().prop_map(|v| Condition::IfVersion(Version(v))),
    ]
}

fn op() -> impl Strategy<Value = ObjectOp> {
    prop_oneof![
        payload().prop_map(|key| ObjectOp::Get { key }),
        (payload(), payload(), condition()).prop_map(|(key, value, condition)| ObjectOp::Put {
            key,
            value,
            condition
        }),
        (payload(), condition()).prop_map(|(key, condition)| ObjectOp::Delete { key, condition }),
        (any::<u64>(), any::<u64>(), any::<u32>()).prop_map(|(from, to, bytes_max)| ObjectOp::Scan {
            from: KeyHash(from),
            to: KeyHash(to),
            bytes_max
        }),
    ]
}

fn result() -> impl Strategy<Value = ObjectResult> {
    let version = any::<u64>().prop_map(Version);
    prop_oneof![
        (payload(), version.clone()).prop_map(|(value, version)| ObjectResult::Found { value, version }),
        (vec((payload(), payload(), version), 0..5), any::<Option<u64>>())
            .prop_map(|(objects, next)| ObjectResult::Scanned { objects, next: next.map(KeyHash) }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn object_requests(ops in vec((any::<u64>(), any::<u64>(), op()), 0..12), time_left_ms: u32) {
        let call = |(table, tablet, op)| ObjectCall { table: TableId(table), tablet: TabletVersion(tablet), op };
        let request = ObjectRequest { calls: ops.into_iter().map(call).collect(), time_left_ms };
        let read = codec::decode_object_request(&body(codec::encode_object_request(&request)), time_left_ms);
        prop_assert_eq!(read, Ok(request));
    }

    #[test]
    fn object_replies(results in vec(result(), 0..6)) {
        let reply = ObjectReply { results: results.into_iter().map(Ok).collect() };
        prop_assert_eq!(codec::decode_object_reply(&body(codec::encode_object_reply(&reply))), Ok(reply));
    }

    #[test]
    fn replica_writes(bytes in payload(), offset: u32, close: bool, primary: bool, certified: bool) {
        let plain = write(1);
        let certificate = plain.certificate.filter(|_| certified);
        let write = ReplicaWrite { bytes, offset, close, primary, certificate, ..plain };
        prop_assert_eq!(codec::decode_write(&body(codec::encode_write(&write))), Ok(write));
    }

    #[test]
    fn noise_is_read_without_a_panic(noise in vec(any::<u8>(), 0..300)) {
        let noise = Bytes::from(noise);
        let _ = Frame::decode(&noise, usize::MAX);
        for sample in crate::samples::samples() {
            let _ = (sample.again)(&noise);
        }
    }
}
