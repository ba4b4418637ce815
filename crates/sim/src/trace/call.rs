//! What a frame is, told from its first bytes.

use rekindle_cluster::{memory::REPEATED, wire::FrameKind};

/// What can be told of a frame without decoding it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    /// Name of the call, or of the answer when that has one of its own.
    pub call: &'static str,
    /// Whether it answers.
    pub is_reply: bool,
    /// Number of the call on its lane, the same when it comes again.
    pub request: u64,
}

/// Bytes before the kind, in front of the request's number.
const KIND_AT: usize = 4;
const REQUEST_AT: usize = 5;
const BODY_AT: usize = 17;
const STAMPED_BODY_AT: usize = 33;
/// From the beginning of object calls to the operation of the first: their count, table and tablet version.
const OPERATION_AT: usize = 4 + 8 + 8;

impl FrameHead {
    /// Of these bytes, whatever they are.
    #[must_use]
    pub fn of(frame: &[u8]) -> Self {
        let kind = frame.get(KIND_AT).copied().unwrap_or(0);
        let asked = FrameKind(kind & 0x7f);
        let is_reply = asked.reply().0 == kind || kind == FrameKind::REFUSED.0;
        let request = frame.get(REQUEST_AT..BODY_AT - 4).and_then(|bytes| bytes.try_into().ok());
        let call = if is_reply { reply(asked, frame) } else { call(asked, frame) };
        Self { call, is_reply, request: request.map_or(0, u64::from_le_bytes) & !REPEATED }
    }
}

fn call(kind: FrameKind, frame: &[u8]) -> &'static str {
    match kind {
        FrameKind::HELLO => "hello",
        FrameKind::OBJECT => object(frame),
        FrameKind::REPLICA_WRITE => "replica write",
        FrameKind::REPLICA_FREE => "replica free",
        FrameKind::INVENTORY => "inventory",
        FrameKind::START_RECOVERY => "start of recovery",
        FrameKind::LOAD => "load",
        FrameKind::STATS => "statistics",
        FrameKind::COORDINATOR => name_of(frame.get(STAMPED_BODY_AT).copied(), &REQUESTS),
        FrameKind::ORDER => name_of(behind_a_number(frame, STAMPED_BODY_AT), &ORDERS),
        _ => UNKNOWN,
    }
}

fn reply(kind: FrameKind, frame: &[u8]) -> &'static str {
    match kind {
        FrameKind::HELLO => "welcome",
        FrameKind::REFUSED => "refused",
        FrameKind::OBJECT => "objects answered",
        FrameKind::REPLICA_WRITE => "replica written",
        FrameKind::REPLICA_FREE => "replica freed",
        FrameKind::INVENTORY => "inventory answered",
        FrameKind::START_RECOVERY => "recovery started",
        FrameKind::LOAD => "loaded",
        FrameKind::STATS => "statistics answered",
        FrameKind::COORDINATOR => name_of(frame.get(STAMPED_BODY_AT).copied(), &REPLIES),
        FrameKind::ORDER => name_of(frame.get(STAMPED_BODY_AT).copied(), &ORDERED),
        _ => UNKNOWN,
    }
}

const UNKNOWN: &str = "unknown frame";
// By their numbers: docs/formats/frame.md and the enumerations there.
const OBJECTS: [&str; 4] = ["get", "put", "delete", "scan"];
const REQUESTS: [&str; 11] = [
    "enlist",
    "renew",
    "hint",
    "store floor",
    "create table",
    "drop table",
    "tablet map",
    "server list",
    "leave",
    "report exit",
    "status",
];
const REPLIES: [&str; 8] = [
    "enlisted",
    "renewed",
    "done",
    "table",
    "tablet map answered",
    "server list answered",
    "refused",
    "status answered",
];
const ORDERS: [&str; 8] = [
    "order: list",
    "order: probe",
    "order: probe for",
    "order: serve",
    "order: drop",
    "order: replay",
    "order: discard",
    "order: free log",
];
const ORDERED: [&str; 2] = ["order carried out", "order refused"];

fn name_of(number: Option<u8>, names: &[&'static str]) -> &'static str {
    number.and_then(|number| names.get(usize::from(number)).copied()).unwrap_or(UNKNOWN)
}

fn object(frame: &[u8]) -> &'static str {
    match frame.get(BODY_AT..BODY_AT + 4) {
        Some([1, 0, 0, 0]) => name_of(frame.get(BODY_AT + OPERATION_AT).copied(), &OBJECTS),
        _ => "several objects",
    }
}

/// The byte behind a number of variable length.
fn behind_a_number(frame: &[u8], at: usize) -> Option<u8> {
    let end = frame.get(at..)?.iter().position(|byte| byte & 0x80 == 0)?;
    frame.get(at + end + 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::{BufMut, Bytes};
    use rekindle_client::{ObjectCall, ObjectOp, ObjectRequest};
    use rekindle_cluster::wire::{FrameWriter, Stamp, codec};
    use rekindle_coordinator::{Order, OrderKind};
    use rekindle_types::{ListVersion, Reply, Request, ServerId, TableId, TabletVersion, Term};

    fn head(frame: FrameWriter) -> (&'static str, bool, u64) {
        let frame = frame.finish(77, 5, Stamp::default(), 1 << 20).expect("it is short").into_bytes();
        let FrameHead { call, is_reply, request } = FrameHead::of(&frame);
        (call, is_reply, request)
    }

    #[test]
    fn calls_are_told_by_their_first_bytes() {
        let list = Request::ServerList { newer_than: ListVersion(3) };
        let coordinator = FrameKind::COORDINATOR;
        assert_eq!(head(codec::encode_postcard(coordinator, &list)), ("server list", false, 77));
        let done = codec::encode_postcard(coordinator.reply(), &Reply::Done);
        assert_eq!(head(done), ("done", true, 77));
        for term in [1, 127, 128, 1 << 40] {
            let kind = OrderKind::ProbeFor { suspect: ServerId(9) };
            let order = codec::encode_postcard(FrameKind::ORDER, &Order { term: Term(term), kind });
            assert_eq!(head(order), ("order: probe for", false, 77));
        }
    }

    #[test]
    fn one_object_call_is_told_from_several() {
        let call = ObjectCall {
            table: TableId(1),
            tablet: TabletVersion(2),
            op: ObjectOp::Get { key: Bytes::from_static(b"key") },
        };
        let request = |calls| codec::encode_object_request(&ObjectRequest { calls, time_left_ms: 1 });
        assert_eq!(head(request(vec![call.clone()])).0, "get");
        assert_eq!(head(request(vec![call.clone(), call])).0, "several objects");
    }

    #[test]
    fn any_bytes_are_something() {
        let mut write = FrameWriter::new(FrameKind::REPLICA_WRITE);
        write.buffer().put_u8(1);
        let frame = write.finish(7, 1, Stamp::default(), 100).expect("it is short").into_bytes();
        for length in 0..frame.len() {
            let call = FrameHead::of(&frame[..length]).call;
            assert!(["unknown frame", "replica write"].contains(&call), "{call}");
        }
        assert_eq!(FrameHead::of(&[0xff; 64]).call, UNKNOWN);
        assert_eq!(FrameHead::of(&[]).call, UNKNOWN);
    }
}
