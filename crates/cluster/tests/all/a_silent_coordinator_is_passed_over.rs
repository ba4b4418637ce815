//! A coordinator that takes lanes and says nothing, as a stopped process does, keeps nobody from its successor.

use crate::support::{Net, server};
use rekindle_cluster::wire::{Party, RemoteCoordinator};
use rekindle_types::{CoordinatorApi, ListVersion, Reply, Request, ServerId, ServerRoom};
use std::time::Duration;

const LEASE: Duration = Duration::from_millis(250);

#[test]
fn renewals_reach_the_successor_of_a_stopped_coordinator() {
    let net = Net::calm();
    let (_former, _stopped) = net.serve("c1", Party::Coordinator);
    let (_successor, _run) = net.serve("c2", Party::Coordinator);
    net.world.node("c1").pause();
    let addresses = ["c1".to_owned(), "c2".to_owned()];
    let coordinator = RemoteCoordinator::new(net.peers("s1", server(1)), addresses, LEASE, LEASE * 40);
    let renewal = || Request::Renew {
        server: ServerId(1),
        list: ListVersion(1),
        room: ServerRoom::default(),
        reports: Vec::new(),
        replaying: Vec::new(),
    };
    net.world.block_on(async {
        let _ = coordinator.call(renewal()).await;
        // The first one has used its time up. Nothing else is called in between.
        assert_eq!(coordinator.call(renewal()).await, Ok(Reply::Done));
    });
}
