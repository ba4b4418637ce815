//! After a process was killed and another listens in its place, calls reach that one: no call waits for the idle time-out
//! of the dead connection.

use super::{
    host::{ANY_PORT, Host, Town},
    raw::socket_address,
};
use crate::support::*;
use rekindle_cluster::{
    quic::QuicLimits,
    wire::{CallError, FrameKind, FrameWriter, Identity, LaneKind, Party, Peer, Peers, Role, Track},
};
use rekindle_env::Task;
use rekindle_types::RemoteError;
use std::{sync::Arc, time::Duration};

/// Longer than anything here takes, unless it waits for the idle time-out.
const PATIENCE: Duration = Duration::from_secs(10);
const NEVER: Duration = Duration::from_secs(600);

fn call(
    client: &Host,
    peers: &Arc<Peers>,
    peer: &Peer,
    kind: LaneKind,
    within: Duration,
) -> Result<(), CallError> {
    let deadline = peers.now() + within;
    let frame = FrameWriter::new(FrameKind::COORDINATOR);
    match client.block_on(peers.call(peer, kind, frame, deadline)) {
        // It was read, then: there is nothing in it, or it is on the wrong lane.
        Err(CallError::Remote(RemoteError::NotDone(why)))
            if why.contains("does not decode") || why.contains("unknown call") =>
        {
            Ok(())
        }
        other => other.map(|_| ()),
    }
}

/// A caller that has a lane to a coordinator which was killed since, and the coordinator `next` at the same ports.
struct Replaced {
    client: Host,
    peers: Arc<Peers>,
    peer: Peer,
    _second: Host,
    _serve: Task,
}

impl Replaced {
    fn by(next: &str, idle_timeout: Duration) -> Self {
        let town = Town::new();
        let credentials =
            |name: &str| town.credentials(&Identity { name: name.into(), role: Role::Coordinator });
        let own = credentials("c");
        let first = Host::listen(own.clone(), (ANY_PORT, ANY_PORT), idle_timeout);
        let (_fake, serve) = first.serve(Party::Coordinator);
        let limits = QuicLimits { idle_timeout, ..QuicLimits::default() };
        let client = town.host_with(&identity(server(1)), ANY_PORT, limits);
        let peer = first.peer(Party::Coordinator);
        let peers = client.peers(server(1));
        assert!((0..3).any(|_| call(&client, &peers, &peer, LaneKind::Control, PATIENCE).is_ok()));
        let ports = (socket_address(&first, Track::Main), socket_address(&first, Track::Urgent));
        drop(serve);
        first.kill();
        let second = Host::listen(if next == "c" { own } else { credentials(next) }, ports, idle_timeout);
        let (_fake, serve) = second.serve(Party::Coordinator);
        Self { client, peers, peer, _second: second, _serve: serve }
    }

    fn call(&self, kind: LaneKind, within: Duration) -> Result<(), CallError> {
        call(&self.client, &self.peers, &self.peer, kind, within)
    }

    /// A call or two may break, depending on what was found out before them; and on a busy machine some more, where the
    /// idle time-out is so short that it breaks the living too.
    fn is_reached_soon(&self) -> bool {
        (0..6).any(|_| self.call(LaneKind::Control, PATIENCE).is_ok())
    }
}

#[test]
fn the_same_process_started_again() {
    // It tells that it does not know the connection.
    assert!(Replaced::by("c", NEVER).is_reached_soon());
}

#[test]
fn another_process_in_its_place() {
    let replaced = Replaced::by("d", NEVER);
    // It can't tell. A lane on the dead connection hears nothing, so the next one is on a new connection. What the first
    // process had sent may be read late, though: a lane that hears that says nothing about the connection.
    assert!(replaced.call(LaneKind::Object, Duration::from_millis(500)).is_err());
    assert!((0..3).any(|_| replaced.call(LaneKind::Object, PATIENCE).is_ok()));
}

#[test]
fn a_lane_to_the_dead_breaks_after_the_idle_time_out() {
    assert!(Replaced::by("d", Duration::from_secs(2)).is_reached_soon());
}

#[test]
fn nobody_in_its_place() {
    let town = Town::new();
    let first = town.host(Party::Coordinator);
    let client = town.caller("app", Role::Client);
    let peers = client.peers(Party::Client);
    let peer = first.peer(Party::Coordinator);
    first.kill();
    for _ in 0..2 {
        let deadline = peers.now() + PATIENCE;
        let call = FrameWriter::new(FrameKind::COORDINATOR);
        let error = client.block_on(peers.call(&peer, LaneKind::Control, call, deadline)).unwrap_err();
        // Surely not done, and said by the transport, not by the deadline.
        let is_said =
            matches!(&error, CallError::Remote(RemoteError::NotDone(why)) if why.contains("does not answer"));
        assert!(is_said, "{error}");
    }
}
