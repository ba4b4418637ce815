//! Garbage, silence and peers that never read: bounded memory, the lane breaks, and everybody else is served.

use super::{
    host::{Host, Town},
    raw::{self, socket_address},
};
use crate::{calls_reach_the_right_service::get, support::*};
use bytes::{BufMut, Bytes, BytesMut};
use quinn::{Connection, ReadError, RecvStream, SendStream};
use rekindle_client::{Master, ObjectRequest};
use rekindle_cluster::wire::{
    CallRefusal, ClusterId, Frame, FrameKind, FrameWriter, Hello, LaneClosed, LaneKind, Party, RemoteMaster,
    Role, Stamp, Track, Transport, codec,
};
use rekindle_env::Task;
use std::{sync::Arc, time::Duration};

/// A server of fakes, and a client that speaks as it likes on one connection.
struct Scene {
    town: Town,
    target: Host,
    fake: Arc<Fake>,
    client: Host,
    _serve: Task,
}

impl Scene {
    fn new() -> Self {
        let town = Town::new();
        let target = town.host(server(2));
        let (fake, _serve) = target.serve(server(2));
        let client = town.caller("bad", Role::Client);
        Self { town, target, fake, client, _serve }
    }

    fn connect(&self) -> Connection {
        let own = self.town.issue("bad", Role::Client);
        let to = socket_address(&self.target, Track::Main);
        self.client.block_on(raw::connect(to, &own, Some(&own))).unwrap()
    }

    /// A call by somebody else still works, and by the bad one on another lane of its connection.
    fn others_are_served(&self, connection: &Connection) {
        let other = self.town.caller("other", Role::Client);
        let master = RemoteMaster::new(other.peers(Party::Client), self.target.peer(server(2)));
        let request = ObjectRequest { calls: vec![get()], time_left_ms: 5000 };
        assert_eq!(other.block_on(master.call(request)).unwrap().results.len(), 1);
        self.client.block_on(async {
            let mut lane = greeted(connection, hello(CLUSTER)).await;
            assert_eq!(read_frame(&mut lane.1).await.unwrap().kind, FrameKind::HELLO.reply());
        });
    }
}

fn packet(frame: FrameWriter, request: u64) -> Bytes {
    frame.finish(request, 5000, Stamp::default(), usize::MAX).unwrap().into_bytes()
}

fn hello(cluster: ClusterId) -> Bytes {
    let hello = Hello { cluster, sender: Party::Client, target: server(2), lane: LaneKind::Object };
    packet(hello.encode(FrameKind::HELLO), 0)
}

async fn greeted(connection: &Connection, hello: Bytes) -> (SendStream, RecvStream) {
    let (mut there, back) = connection.open_bi().await.unwrap();
    there.write_all(&[LaneKind::Object as u8]).await.unwrap();
    there.write_all(&hello).await.unwrap();
    (there, back)
}

async fn read_frame(back: &mut RecvStream) -> Option<Frame> {
    let mut field = [0; 4];
    back.read_exact(&mut field).await.ok()?;
    let mut frame = vec![0; u32::from_le_bytes(field) as usize + 4];
    frame[..4].copy_from_slice(&field);
    back.read_exact(&mut frame[4..]).await.ok()?;
    Some(Frame::decode(&frame.into(), usize::MAX).unwrap())
}

/// The other side ends the lane: it sends nothing more, and does not read any more.
async fn is_ended((there, mut back): (SendStream, RecvStream)) -> bool {
    let mut byte = [0];
    let read = back.read(&mut byte).await;
    let is_over = matches!(read, Ok(None) | Err(ReadError::Reset(_)));
    is_over && matches!(there.stopped().await, Ok(Some(_)))
}

fn field(length: u32, more: usize) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u32_le(length);
    bytes.put_bytes(7, more);
    bytes.freeze()
}

#[test]
fn garbage_in_place_of_a_hello() {
    let scene = Scene::new();
    let connection = scene.connect();
    let call = packet(FrameWriter::new(FrameKind::OBJECT), 1);
    for (what, garbage, is_answered) in [
        ("a frame shorter than its header", field(3, 100), false),
        ("an oversized frame", field(LaneKind::Object.frame_bytes_max() as u32, 100), false),
        ("all bits set", field(u32::MAX, 100), false),
        ("garbage of the right length", field(96, 96), true),
        ("a call", call, true),
        ("another cluster", hello(ClusterId(8)), true),
        ("a truncated hello", hello(CLUSTER).slice(..20), false),
        ("nothing", Bytes::new(), false),
    ] {
        scene.client.block_on(async {
            let mut lane = greeted(&connection, garbage).await;
            if is_answered {
                assert_eq!(read_frame(&mut lane.1).await.unwrap().kind, FrameKind::REFUSED, "{what}");
            }
            assert!(is_ended(lane).await, "{what}");
        });
    }
    scene.others_are_served(&connection);
    assert_eq!(scene.fake.seen.lock().len(), 1);
}

#[test]
fn streams_that_are_no_lanes() {
    let scene = Scene::new();
    let connection = scene.connect();
    scene.client.block_on(async {
        for first in [&[][..], &[0], &[6], &[0xff, 1, 2]] {
            let (mut there, back) = connection.open_bi().await.unwrap();
            there.write_all(first).await.unwrap();
            if first.is_empty() {
                there.finish().unwrap(); // A stream without a byte.
                let mut back = back;
                assert!(matches!(back.read(&mut [0]).await, Err(ReadError::Reset(_))));
                continue;
            }
            assert!(is_ended((there, back)).await, "{first:?}");
        }
    });
    scene.others_are_served(&connection);
}

#[test]
fn garbage_after_the_hello() {
    let scene = Scene::new();
    let connection = scene.connect();
    scene.client.block_on(async {
        let mut lane = greeted(&connection, hello(CLUSTER)).await;
        assert_eq!(read_frame(&mut lane.1).await.unwrap().kind, FrameKind::HELLO.reply());
        // What can be answered is.
        for (kind, request) in [(FrameKind::OBJECT, 5), (FrameKind(0x7f), 6)] {
            lane.0.write_all(&packet(FrameWriter::new(kind), request)).await.unwrap();
            let answer = read_frame(&mut lane.1).await.unwrap();
            assert_eq!((answer.kind, answer.request), (FrameKind::REFUSED, request));
            let refusal = CallRefusal::decode(&answer.body).unwrap();
            assert!(matches!(refusal, CallRefusal::BadBody(_) | CallRefusal::UnknownKind(0x7f)));
        }
        // Cut anywhere, and oversized.
        lane.0.write_all(&field(u32::MAX - 4, 50)).await.unwrap();
        assert!(is_ended(lane).await);
        let mut lane = greeted(&connection, hello(CLUSTER)).await;
        assert_eq!(read_frame(&mut lane.1).await.unwrap().kind, FrameKind::HELLO.reply());
        lane.0.write_all(&field(1000, 900)).await.unwrap();
        lane.0.finish().unwrap();
        assert!(matches!(lane.1.read(&mut [0]).await, Ok(None)), "the server ends it, too");
    });
    scene.others_are_served(&connection);
}

#[test]
fn a_peer_that_never_reads() {
    let scene = Scene::new();
    let connection = scene.connect();
    // Each call asks for 1 MB.
    let request = ObjectRequest { calls: vec![get(); 200], time_left_ms: 5000 };
    let _lane = scene.client.block_on(async {
        let mut lane = greeted(&connection, hello(CLUSTER)).await;
        let flood = async {
            for n in 0..100_000 {
                lane.0.write_all(&packet(codec::encode_object_request(&request), n)).await.unwrap();
            }
        };
        // Ends when nothing moves any more, or with a server that took all of it.
        assert!(tokio::time::timeout(Duration::from_secs(2), flood).await.is_err());
        lane
    });
    // Those that wait for room in the queue, and what queue and windows hold.
    let handled = scene.fake.seen.lock().len();
    assert!((100..300).contains(&handled), "{handled} calls were handled for a peer that reads nothing");
    scene.others_are_served(&connection);
}

#[test]
fn a_full_lane_can_be_closed_and_holds_up_no_other() {
    let town = Town::new();
    let target = town.host(server(2));
    let other = town.host(server(1));
    let peer = target.peer(server(2));
    let frame = |bytes| {
        let mut frame = FrameWriter::new(FrameKind::REPLICA_WRITE);
        frame.payload(&Bytes::from(vec![1; bytes]));
        frame.finish(1, 0, Stamp::default(), LaneKind::Replication.frame_bytes_max()).unwrap()
    };
    let (mut full, mut sent) = (Vec::new(), 0);
    other.block_on(async {
        for _ in 0..3 {
            let lane = other.transport.dial(&peer, LaneKind::Replication).await.unwrap();
            // Nobody reads it at the other end.
            while let Ok(Ok(())) =
                tokio::time::timeout(Duration::from_millis(300), lane.sender.send(frame(1 << 20))).await
            {
                sent += 1;
            }
            full.push(lane);
        }
    });
    // On each: 4 MiB queued or half written, 2 MiB in the window.
    assert!((9..=24).contains(&sent), "{sent} MiB were taken on three lanes that nobody reads");
    let last = other.block_on(other.transport.dial(&peer, LaneKind::Control)).unwrap();
    let mut accepted: Vec<_> =
        (0..4).map(|_| target.block_on(target.transport.accept(Track::Main)).unwrap()).collect();
    let mut free =
        accepted.iter().position(|a| a.kind == LaneKind::Control).map(|at| accepted.remove(at)).unwrap();
    other.block_on(last.sender.send(frame(1000))).unwrap();
    assert_eq!(target.block_on(free.lane.receiver.receive()).unwrap().len(), 1000 + 33);
    // A sender that waits is told.
    let waits = full[0].sender.clone();
    let closed = other.block_on(async {
        let send = waits.send(frame(1 << 20));
        let close = async {
            tokio::task::yield_now().await;
            full[0].sender.close();
        };
        futures_util::future::join(send, close).await.0
    });
    assert_eq!(closed, Err(LaneClosed));
    drop(full);
    // The other end finds out, after what had arrived.
    for mut accepted in accepted {
        let rest = async { while accepted.lane.receiver.receive().await.is_ok() {} };
        assert!(target.block_on(async { tokio::time::timeout(Duration::from_secs(8), rest).await }).is_ok());
    }
}
