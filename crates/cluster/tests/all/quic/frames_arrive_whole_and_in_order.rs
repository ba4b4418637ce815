//! What goes in at one end of a lane comes out at the other, whatever its size.

use super::host::Town;
use crate::support::*;
use bytes::Bytes;
use rekindle_cluster::wire::{
    Frame, FrameKind, FrameWriter, Lane, LaneClosed, LaneKind, Packet, Role, Stamp, Track, Transport,
};

const SIZES: [usize; 9] = [0, 1, 100, 2047, 2048, 5000, 70_000, 1 << 20, 12 << 20];

fn packet(request: u64, bytes: usize) -> Packet {
    let mut frame = FrameWriter::new(FrameKind::OBJECT);
    frame.payload(&Bytes::from(vec![request as u8; bytes]));
    frame.finish(request, 0, Stamp::default(), LaneKind::Object.frame_bytes_max()).unwrap()
}

async fn send_all(lane: &Lane) {
    for (round, size) in (0..3).flat_map(|_| SIZES).enumerate() {
        lane.sender.send(packet(round as u64, size)).await.unwrap();
    }
}

async fn check_all(lane: &mut Lane) {
    for (round, size) in (0..3).flat_map(|_| SIZES).enumerate() {
        let bytes = lane.receiver.receive().await.unwrap();
        let frame = Frame::decode(&bytes, LaneKind::Object.frame_bytes_max()).unwrap();
        assert_eq!((frame.request, frame.body.len()), (round as u64, size));
        assert!(frame.body.iter().all(|byte| *byte == round as u8));
    }
}

#[test]
fn frames_of_all_sizes_pass_both_ways_in_order() {
    let town = Town::new();
    let server = town.host(server(2));
    let client = town.caller("app", Role::Client);
    let peer = server.peer(crate::support::server(2));
    let transport = server.transport.clone();
    let echo = std::thread::spawn(move || {
        server.block_on(async {
            let mut accepted = transport.accept(Track::Main).await.unwrap();
            assert_eq!((accepted.kind, &*accepted.identity.name), (LaneKind::Object, "app"));
            check_all(&mut accepted.lane).await;
            send_all(&accepted.lane).await;
            // What was queued arrives, and then the end.
            accepted.lane.sender.close();
            assert_eq!(accepted.lane.sender.send(packet(0, 1)).await, Err(LaneClosed));
            assert_eq!(accepted.lane.receiver.receive().await, Err(LaneClosed));
        });
        server
    });
    client.block_on(async {
        let mut lane = client.transport.dial(&peer, LaneKind::Object).await.unwrap();
        send_all(&lane).await;
        check_all(&mut lane).await;
        assert_eq!(lane.receiver.receive().await, Err(LaneClosed));
        assert_eq!(lane.sender.send(packet(0, 1)).await, Err(LaneClosed));
    });
    echo.join().unwrap();
}

#[test]
fn lanes_of_every_kind_come_on_their_track() {
    let town = Town::new();
    let server = town.host(server(2));
    let other = town.host(crate::support::server(1));
    let peer = server.peer(crate::support::server(2));
    for kind in LaneKind::ALL {
        let _lane = other.block_on(async { other.transport.dial(&peer, kind).await.unwrap() });
        let accepted = server.block_on(server.transport.accept(kind.track())).unwrap();
        assert_eq!((accepted.kind, &*accepted.identity.name), (kind, "server-1"));
        assert_eq!(accepted.identity.role, Role::Server);
    }
    assert_eq!(other.transport.connections(), 2, "one for each track");
    server.block_on(server.transport.close());
    for track in [Track::Main, Track::Urgent] {
        assert!(server.block_on(server.transport.accept(track)).is_none());
    }
}
