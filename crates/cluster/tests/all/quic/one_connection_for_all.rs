//! One connection to each peer and track, dialled once, closed when nobody uses it, and not more than allowed.

use super::host::{ANY_PORT, Host, Town};
use crate::support::*;
use futures_util::future::join_all;
use rekindle_cluster::{
    quic::{QuicConfig, QuicLimits, QuicTransport},
    wire::{Identity, LaneKind, Role, Track, Transport},
};
use rekindle_types::RemoteError;
use std::time::Duration;

/// Waits for what other threads bring about.
fn eventually(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("{what} did not come about");
}

#[test]
fn many_dials_at_once_make_one_connection() {
    let town = Town::new();
    let target = town.host(server(2));
    let other = town.host(server(1));
    let peer = target.peer(server(2));
    let dials = (0..30).map(|i| other.transport.dial(&peer, LaneKind::ALL[i % 5]));
    let lanes = other.block_on(join_all(dials));
    assert!(lanes.iter().all(Result::is_ok));
    for i in 0..30 {
        let track = LaneKind::ALL[i % 5].track();
        assert!(target.block_on(target.transport.accept(track)).is_some());
    }
    assert_eq!((target.transport.connections(), other.transport.connections()), (2, 2));
}

#[test]
fn a_caller_who_gives_up_stops_nobody_elses_dial() {
    let town = Town::new();
    let target = town.host(server(2));
    let other = town.host(server(1));
    let peer = target.peer(server(2));
    let (kind, transport) = (LaneKind::Object, &other.transport);
    let lane = other.block_on(async {
        let mut first = transport.dial(&peer, kind);
        // Under way, or there already when this thread had to wait for its core.
        let _ = futures_util::poll!(&mut first);
        let second = transport.dial(&peer, kind);
        drop(first);
        second.await
    });
    assert!(lane.is_ok());
    assert_eq!(other.transport.connections(), 1);
}

#[test]
fn unused_connections_are_closed() {
    let town = Town::new();
    let target = town.host(server(2));
    let limits = QuicLimits { unused: Duration::from_millis(50), ..QuicLimits::default() };
    let other = town.host_with(&identity(server(1)), ANY_PORT, limits);
    let peer = target.peer(server(2));
    let lane = other.block_on(other.transport.dial(&peer, LaneKind::Object)).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(other.transport.connections(), 1, "a lane is open");
    drop(lane);
    eventually("the end of both ends", || {
        other.transport.connections() == 0 && target.transport.connections() == 0
    });
    assert!(other.block_on(other.transport.dial(&peer, LaneKind::Object)).is_ok());
}

#[test]
fn a_name_has_its_share_of_connections() {
    let town = Town::new();
    let limits = QuicLimits { connections_per_name_max: 2, ..QuicLimits::default() };
    let target = town.host_with(&identity(server(2)), ANY_PORT, limits);
    let peer = target.peer(server(2));
    let dial = |host: &Host| host.block_on(host.transport.dial(&peer, LaneKind::Object));
    let greedy: Vec<Host> = (0..3).map(|_| town.caller("greedy", Role::Client)).collect();
    let _lanes = [dial(&greedy[0]).unwrap(), dial(&greedy[1]).unwrap()];
    let refused = dial(&greedy[2]).err();
    assert!(matches!(&refused, Some(RemoteError::NotDone(why)) if why.contains("too many")), "{refused:?}");
    assert!(dial(&town.caller("modest", Role::Client)).is_ok());
}

#[test]
fn a_client_has_its_share_of_lanes() {
    let town = Town::new();
    let target = town.host(server(2));
    let limits = QuicLimits { lane_timeout: Duration::from_millis(100), ..QuicLimits::default() };
    let who = Identity { name: "app".into(), role: Role::Client };
    let config = QuicConfig { limits, ..QuicConfig::new(ANY_PORT, town.credentials(&who)) };
    let client = Host::start(|threads| QuicTransport::bind(config, threads).unwrap());
    let peer = target.peer(server(2));
    let dial = || client.block_on(client.transport.dial(&peer, LaneKind::Object));
    let mut lanes: Vec<_> = (0..16).map(|_| dial().unwrap()).collect();
    let refused = dial().err();
    assert!(
        matches!(&refused, Some(RemoteError::NotDone(why)) if why.contains("no more lanes")),
        "{refused:?}"
    );
    // One that ends at both ends makes room.
    drop(lanes.pop());
    for _ in 0..16 {
        let accepted = target.block_on(target.transport.accept(Track::Main)).unwrap();
        drop(accepted);
    }
    drop(lanes);
    eventually("room", || dial().is_ok());
}
