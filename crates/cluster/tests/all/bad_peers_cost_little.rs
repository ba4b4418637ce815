//! Garbage, silence and peers that never read: bounded memory, and nobody else notices.

use crate::calls_reach_the_right_service::get;
use crate::support::*;
use bytes::{BufMut, Bytes, BytesMut};
use rekindle_client::{Master, ObjectError, ObjectRequest};
use rekindle_cluster::wire::{
    CallRefusal, Frame, FrameKind, FrameWriter, Hello, Lane, LaneClosed, LaneKind, Packet, Party,
    RemoteMaster, ServeConfig, Stamp, Transport, codec,
};
use rekindle_types::{RemoteError, Rules};
use std::{sync::Arc, time::Duration};

async fn dial(net: &Net, at: &str, kind: LaneKind) -> Lane {
    let transport = net.network.endpoint(at, identity(Party::Client));
    transport.dial(&peer(server(2), "s"), kind).await.unwrap()
}

fn packet(frame: FrameWriter, request: u64) -> Packet {
    frame.finish(request, 1000, Stamp::default(), usize::MAX).unwrap()
}

fn hello() -> Packet {
    let hello = Hello { cluster: CLUSTER, sender: Party::Client, target: server(2), lane: LaneKind::Object };
    packet(hello.encode(FrameKind::HELLO), 0)
}

async fn received(lane: &mut Lane) -> Result<Frame, LaneClosed> {
    let bytes = lane.receiver.receive().await?;
    Ok(Frame::decode(&bytes, usize::MAX).unwrap())
}

/// A call by somebody else still works.
async fn others_are_served(net: &Net) {
    let master = RemoteMaster::new(net.peers("other", Party::Client), peer(server(2), "s"));
    let request = ObjectRequest { calls: vec![get()], time_left_ms: 100 };
    assert_eq!(master.call(request).await.unwrap().results.len(), 1);
}

#[test]
fn garbage_in_place_of_a_hello_closes_the_lane() {
    let net = Net::calm();
    let (fake, _serve) = net.serve("s", server(2));
    let call = || packet(FrameWriter::new(FrameKind::OBJECT), 1).into_bytes();
    let mut oversized = BytesMut::new();
    oversized.put_u32_le(u32::MAX);
    oversized.put_bytes(1, 100);
    let garbage = [
        Bytes::new(),
        Bytes::from_static(&[0xff; 3]),
        Bytes::from(vec![0; 5000]),
        oversized.freeze(),
        call(),
    ];
    net.world.block_on(async {
        for garbage in garbage {
            let mut lane = dial(&net, "bad", LaneKind::Object).await;
            lane.sender.send(Packet::raw(garbage)).await.unwrap();
            let refusal = received(&mut lane).await.unwrap();
            assert_eq!(refusal.kind, FrameKind::REFUSED);
            assert_eq!(lane.receiver.receive().await, Err(LaneClosed));
        }
        others_are_served(&net).await;
    });
    assert_eq!(fake.seen.lock().len(), 1);
}

#[test]
fn garbage_after_the_hello_closes_the_lane() {
    let net = Net::calm();
    let (_fake, _serve) = net.serve("s", server(2));
    net.world.block_on(async {
        let mut lane = dial(&net, "bad", LaneKind::Object).await;
        lane.sender.send(hello()).await.unwrap();
        assert_eq!(received(&mut lane).await.unwrap().kind, FrameKind::HELLO.reply());
        lane.sender.send(packet(FrameWriter::new(FrameKind::OBJECT), 5)).await.unwrap();
        let answer = received(&mut lane).await.unwrap();
        assert_eq!(answer.request, 5, "a body that does not decode is answered");
        assert!(matches!(CallRefusal::decode(&answer.body), Ok(CallRefusal::BadBody(_))));
        lane.sender.send(Packet::raw(Bytes::from_static(b"garbage, no frame"))).await.unwrap();
        assert_eq!(lane.receiver.receive().await, Err(LaneClosed));
        others_are_served(&net).await;
    });
}

#[test]
fn a_lane_without_a_hello_is_closed() {
    let net = Net::calm();
    let (_fake, _serve) = net.serve("s", server(2));
    net.world.block_on(async {
        let mut lane = dial(&net, "bad", LaneKind::Object).await;
        assert_eq!(lane.receiver.receive().await, Err(LaneClosed));
        others_are_served(&net).await;
    });
    assert!(net.world.now().0 < 1_100_000_000, "{:?}", net.world.now());
}

#[test]
fn a_peer_that_never_reads_is_cut_off() {
    let net = Net::calm();
    let (fake, _serve) = net.serve("s", server(2));
    let env = net.world.node("bad").env();
    net.world.block_on(async {
        let mut lane = dial(&net, "bad", LaneKind::Object).await;
        lane.sender.send(hello()).await.unwrap();
        assert_eq!(received(&mut lane).await.unwrap().kind, FrameKind::HELLO.reply());
        // Each call asks for 1 MB: the queue takes 8 replies.
        let request = ObjectRequest { calls: vec![get(); 200], time_left_ms: 1000 };
        let mut sent = 0;
        let flood = async {
            for n in 0..1_000_000 {
                let call = packet(codec::encode_object_request(&request), n);
                if lane.sender.send(call).await.is_err() {
                    break;
                }
                sent += 1;
            }
        };
        let give_up = env.clock.sleep(Duration::from_secs(60));
        futures_util::future::select(std::pin::pin!(flood), give_up).await;
        // 256 that wait for room in the queue and those in it; calls beyond them wait in the other queue.
        let handled = fake.seen.lock().len();
        assert!((256..270).contains(&handled), "{handled} calls were handled for a peer that reads nothing");
        assert!(sent < handled + 1100, "{sent} calls were taken");
        assert_eq!(lane.sender.send(packet(FrameWriter::new(FrameKind::OBJECT), 9)).await, Err(LaneClosed));
        others_are_served(&net).await;
    });
}

#[test]
fn too_many_object_requests_are_put_off_and_other_calls_are_not() {
    let net = Net::calm();
    let fake = Arc::new(Fake::default());
    *fake.delay.lock() = Some((net.world.node("x").env(), Duration::from_millis(50)));
    let config = ServeConfig { object_requests_max: 3, client_lanes_max: 1, ..ServeConfig::default() };
    let _serve = net.serve_as("s", server(2), CLUSTER, Rules::default(), fake.clone(), config);
    let master = RemoteMaster::new(net.peers("client", Party::Client), peer(server(2), "s"));
    let request = || ObjectRequest { calls: vec![get(), get()], time_left_ms: 200 };
    net.world.block_on(async {
        let replies = futures_util::future::join_all((0..5).map(|_| master.call(request()))).await;
        let is_put_off = |results: &[_]| results.iter().all(|r| matches!(r, Err(ObjectError::Retry { .. })));
        let put_off = replies.into_iter().filter(|r| is_put_off(&r.as_ref().unwrap().results)).count();
        assert_eq!(put_off, 2);
        // A second client finds no lane, a server does.
        let other = RemoteMaster::new(net.peers("other", Party::Client), peer(server(2), "s"));
        assert!(matches!(other.call(request()).await, Err(RemoteError::NotDone(_))));
        let one = RemoteMaster::new(net.peers("one", server(1)), peer(server(2), "s"));
        assert!(one.call(request()).await.is_ok());
    });
}
