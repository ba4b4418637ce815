//! A coordinator that takes lanes and says nothing, as a stopped process does, keeps nobody from its successor, and one
//! lost answer holds nobody up.

use crate::support::{Net, server};
use rekindle_cluster::wire::{Party, RemoteCoordinator};
use rekindle_env::{Env, Time};
use rekindle_types::{CoordinatorApi, ListVersion, Reply, Request, ServerId, ServerRoom, TabletVersion};
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

/// How long a read of the map takes until it is given up, and when it is asked again and answered.
async fn read(coordinator: &RemoteCoordinator, env: &Env) -> (bool, Duration) {
    let begun: Time = env.clock.now();
    let is_answered = coordinator.call(Request::TabletMap { newer_than: TabletVersion(0) }).await.is_ok();
    (is_answered, env.clock.now().since(begun))
}

#[test]
fn reads_without_an_answer_are_given_up_early_and_then_later() {
    let net = Net::calm();
    let (_coordinator, _run) = net.serve("c1", Party::Coordinator);
    let peers = net.peers("client", Party::Client);
    let coordinator = RemoteCoordinator::new(peers, ["c1".to_owned()], LEASE, Duration::from_secs(3));
    let env = net.world.node("client").env();
    net.world.block_on(async {
        assert!(read(&coordinator, &env).await.0);
        net.world.node("c1").pause();
        for patience_ms in [500, 1000, 2000, 3000, 3000] {
            assert_eq!(read(&coordinator, &env).await, (false, Duration::from_millis(patience_ms)));
        }
        net.world.node("c1").resume();
        assert!(read(&coordinator, &env).await.0, "its patience is long now");
        net.world.node("c1").pause();
        assert_eq!(read(&coordinator, &env).await.1, Duration::from_millis(500), "and short again");
    });
}
