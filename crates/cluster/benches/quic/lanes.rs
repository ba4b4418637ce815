//! Frames on lanes.

use super::{BULK_BYTES, Load, SMALL_BYTES, Sides, measured};
use bytes::Bytes;
use rekindle_cluster::{
    local::Authority,
    quic::{QuicConfig, QuicLimits, QuicTransport, Threads},
    wire::{
        Accepted, FrameKind, FrameWriter, Lane, LaneKind, Packet, Party, Peer, Role, Stamp, Track, Transport,
    },
};
use rekindle_env::real::Runtimes;
use rekindle_types::ServerId;
use std::sync::Arc;

struct Processes {
    sides: Sides,
    _transports: Vec<Arc<QuicTransport>>,
    lanes: Vec<(Lane, Accepted)>,
}

/// A server, and as many clients as connections are wanted, on one thread.
fn processes(load: Load, kind: LaneKind) -> Processes {
    let sides = Sides { server: Runtimes::start().unwrap(), client: Runtimes::start().unwrap() };
    let authority = Authority::new().unwrap();
    let bind = |name: &str, runtimes: &Runtimes| {
        let credentials = authority.issue(name, Role::Server).unwrap().credentials().unwrap();
        let limits = QuicLimits { datagram_bytes_max: load.datagram_bytes_max, ..QuicLimits::default() };
        let config = QuicConfig { limits, ..QuicConfig::new("127.0.0.1:0".parse().unwrap(), credentials) };
        QuicTransport::bind(config, &Threads { main: runtimes.main(), urgent: runtimes.urgent() }).unwrap()
    };
    let server = bind("s", &sides.server);
    let peer = Peer { party: Party::Server(ServerId(1)), address: server.address(), name: Some("s".into()) };
    let mut transports = vec![server.clone()];
    let mut lanes = Vec::new();
    for i in 0..load.connections {
        let client = bind(&format!("c{i}"), &sides.client);
        let lane = sides.client.main().block_on(client.dial(&peer, kind)).unwrap();
        lanes.push((lane, sides.server.main().block_on(server.accept(Track::Main)).unwrap()));
        transports.push(client);
    }
    Processes { sides, _transports: transports, lanes }
}

fn packet(bytes: usize, payload: &Bytes) -> Packet {
    let mut frame = FrameWriter::new(FrameKind::OBJECT);
    frame.payload(&payload.slice(..bytes - FrameKind::OBJECT.header_bytes()));
    frame.finish(1, 1000, Stamp::default(), BULK_BYTES + 4096).unwrap()
}

/// The server sends each frame back; the client sends one for each that came.
pub fn small(load: Load) -> (f64, f64) {
    let Processes { sides, _transports, lanes } = processes(load, LaneKind::Object);
    measured(|| {
        let mut clients = Vec::new();
        for (lane, mut accepted) in lanes {
            sides.server.main().spawn(async move {
                while let Ok(frame) = accepted.lane.receiver.receive().await {
                    accepted.lane.sender.send(Packet::raw(frame)).await.unwrap();
                }
            });
            let (calls, in_flight) = (load.calls / load.connections, load.in_flight / load.connections);
            clients.push(sides.client.main().spawn(call(lane, calls, in_flight)));
        }
        for client in clients {
            sides.client.main().block_on(client).unwrap();
        }
    })
}

async fn call(mut lane: Lane, calls: usize, in_flight: usize) {
    let payload = Bytes::from(vec![7; SMALL_BYTES]);
    let frame = || packet(SMALL_BYTES, &payload);
    for _ in 0..in_flight.min(calls) {
        lane.sender.send(frame()).await.unwrap();
    }
    for done in 0..calls {
        assert_eq!(lane.receiver.receive().await.unwrap().len(), SMALL_BYTES);
        if done + in_flight < calls {
            lane.sender.send(frame()).await.unwrap();
        }
    }
}

/// The client sends, the server takes whole frames.
pub fn bulk(load: Load) -> (f64, f64) {
    let Processes { sides, _transports, mut lanes } = processes(load, LaneKind::Replication);
    let (lane, mut accepted) = lanes.pop().unwrap();
    measured(|| {
        let reading = sides.server.main().spawn(async move {
            for _ in 0..load.calls {
                assert_eq!(accepted.lane.receiver.receive().await.unwrap().len(), BULK_BYTES);
            }
        });
        let payload = Bytes::from(vec![7; BULK_BYTES]);
        let writing = sides.client.main().spawn(async move {
            for _ in 0..load.calls {
                lane.sender.send(packet(BULK_BYTES, &payload)).await.unwrap();
            }
            lane
        });
        let _lane = sides.client.main().block_on(writing).unwrap();
        sides.client.main().block_on(reading).unwrap();
    })
}
