//! Rule F7: a process whose main thread is stuck still answers probes, and probes others.

use super::{
    host::{Host, Town},
    raw::{self, socket_address},
};
use crate::support::*;
use rekindle_cluster::wire::{FrameKind, LaneKind, Party, RemoteControl, Role, Track, Transport, codec};
use rekindle_coordinator::{Order, OrderKind, ServerControl};
use rekindle_env::Task;
use rekindle_types::{ServerId, Term};
use std::{sync::mpsc, time::Duration};

/// Blocks the main thread of a process, until the sender is dropped.
fn stick(host: &Host) -> (mpsc::Sender<()>, Task) {
    let (free, stuck) = mpsc::channel::<()>();
    let (is_stuck, wait) = mpsc::channel();
    let block = async move {
        is_stuck.send(()).unwrap();
        let _ = stuck.recv(); // Blocks the thread.
    };
    let task = host.env.spawn.spawn("stuck", Box::pin(block));
    wait.recv().unwrap();
    (free, task)
}

#[test]
fn the_urgent_track_is_served_while_the_main_thread_is_stuck() {
    let town = Town::new();
    let target = town.host(server(2));
    let (fake, _serve) = target.serve(server(2));
    let coordinator = town.host(Party::Coordinator);
    let peers = coordinator.peers(Party::Coordinator);
    let probe = || codec::encode_order(&Order { term: Term(1), kind: OrderKind::Probe });
    let call = |kind, wait: Duration| {
        let deadline = peers.now() + wait;
        coordinator.block_on(peers.call(&target.peer(server(2)), kind, probe(), deadline))
    };
    assert!(call(LaneKind::Control, Duration::from_secs(5)).is_ok());
    let (free, _block) = stick(&target);
    // The connection and the lane are new: the whole of the other track works, not only what was there.
    let answer = call(LaneKind::Heartbeat, Duration::from_secs(10));
    assert_eq!(answer.unwrap().kind, FrameKind::ORDER.reply());
    assert!(call(LaneKind::Control, Duration::from_millis(200)).is_err(), "the main thread is stuck");
    assert_eq!(fake.seen.lock().iter().filter(|seen| seen.contains("Probe")).count(), 2);
    drop(free);
}

#[test]
fn a_server_whose_main_thread_is_stuck_probes_for_the_coordinator() {
    let town = Town::new();
    let target = town.host(server(2));
    let (fake, _serve) = target.serve(server(2));
    let coordinator = town.host(Party::Coordinator);
    let (free, _block) = stick(&target);
    let peers = coordinator.peers(Party::Coordinator);
    let timeout = Duration::from_secs(10);
    let control = RemoteControl::new(peers, target.peer(server(2)), timeout, timeout);
    let order = Order { term: Term(1), kind: OrderKind::ProbeFor { suspect: ServerId(3) } };
    let answer = coordinator.block_on(control.call(order));
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(fake.seen.lock().iter().filter(|seen| seen.contains("ProbeFor")).count(), 1);
    drop(free);
}

#[test]
fn nothing_but_heartbeats_gets_onto_their_thread() {
    let town = Town::new();
    let target = town.host(server(2));
    let client = town.caller("unused", Role::Client);
    let own = town.issue("app", Role::Client);
    let to = socket_address(&target, Track::Urgent);
    client.block_on(async {
        let connection = raw::connect(to, &own, Some(&own)).await.unwrap();
        for kind in LaneKind::ALL.into_iter().filter(|kind| *kind != LaneKind::Heartbeat) {
            let (mut there, mut back) = connection.open_bi().await.unwrap();
            there.write_all(&[kind as u8]).await.unwrap();
            // Refused, and told so: else it would wait here.
            let mut byte = [0];
            assert!(!matches!(back.read(&mut byte).await, Ok(Some(_))), "{kind:?}");
        }
        let (mut there, _back) = connection.open_bi().await.unwrap();
        there.write_all(&[LaneKind::Heartbeat as u8]).await.unwrap();
        let accepted = target.transport.accept(Track::Urgent).await.unwrap();
        assert_eq!(accepted.kind, LaneKind::Heartbeat, "the first that is handed up");
    });
}
