//! A coordinator that takes lanes and says nothing, as a stopped process does, keeps nobody from its successor, and one
//! lost answer holds nobody up.

use crate::support::{CLUSTER, Net, server};
use parking_lot::Mutex;
use rekindle_cluster::{
    memory::{Fate, Weather},
    wire::{LaneKind, Party, Peers, PeersConfig, RemoteCoordinator},
};
use rekindle_env::{Env, Time};
use rekindle_types::{
    CoordinatorApi, ListVersion, LogId, Reply, Request, SegmentId, ServerId, ServerRoom, TabletVersion,
};
use std::{collections::VecDeque, sync::Arc, time::Duration};

const LEASE: Duration = Duration::from_millis(250);

fn renewal() -> Request {
    Request::Renew {
        server: ServerId(1),
        list: ListVersion(1),
        room: ServerRoom::default(),
        reports: Vec::new(),
        replaying: Vec::new(),
    }
}

/// The coordinator at `c1` or `c2`, as `s1` calls it.
fn at_either(peers: Arc<Peers>) -> RemoteCoordinator {
    let addresses = ["c1".to_owned(), "c2".to_owned()];
    RemoteCoordinator::new(peers, addresses, LEASE, LEASE * 40)
}

#[test]
fn renewals_reach_the_successor_of_a_stopped_coordinator() {
    let net = Net::calm();
    let (_former, _stopped) = net.serve("c1", Party::Coordinator);
    let (_successor, _run) = net.serve("c2", Party::Coordinator);
    net.world.node("c1").pause();
    let coordinator = at_either(net.peers("s1", server(1)));
    net.world.block_on(async {
        let _ = coordinator.call(renewal()).await;
        // The first one has used its time up. Nothing else is called in between.
        assert_eq!(coordinator.call(renewal()).await, Ok(Reply::Done));
    });
}

fn read() -> Request {
    Request::TabletMap { newer_than: TabletVersion(0) }
}

fn floor() -> Request {
    Request::StoreFloor { log: LogId::of(ServerId(1)), floor: SegmentId(2) }
}

/// Whether a call is answered, and how long it takes until it is, or is given up.
async fn ask(coordinator: &RemoteCoordinator, env: &Env, request: Request) -> (bool, Duration) {
    let begun: Time = env.clock.now();
    let is_answered = coordinator.call(request).await.is_ok();
    (is_answered, env.clock.now().since(begun))
}

#[test]
fn what_may_be_asked_again_is_given_up_early_and_then_later() {
    for (request, longest_ms) in [(read as fn() -> Request, 3000), (floor, 2000)] {
        let net = Net::calm();
        let (_coordinator, _run) = net.serve("c1", Party::Coordinator);
        let peers = net.peers("s1", server(1));
        let coordinator = RemoteCoordinator::new(peers, ["c1".to_owned()], LEASE, Duration::from_secs(3));
        let env = net.world.node("s1").env();
        net.world.block_on(async {
            assert!(ask(&coordinator, &env, request()).await.0);
            net.world.node("c1").pause();
            for patience_ms in [500, 1000, 2000, longest_ms, longest_ms] {
                let given_up = (false, Duration::from_millis(patience_ms));
                assert_eq!(ask(&coordinator, &env, request()).await, given_up);
            }
            net.world.node("c1").resume();
            assert!(ask(&coordinator, &env, request()).await.0, "its patience is long now");
            net.world.node("c1").pause();
            let given_up = (false, Duration::from_millis(500));
            assert_eq!(ask(&coordinator, &env, request()).await, given_up, "and short again");
        });
    }
}

/// What becomes of frames on control lanes, once there is something.
#[derive(Clone, Default)]
struct HitsControl(Arc<Mutex<VecDeque<Fate>>>);

impl Weather for HitsControl {
    fn fate(&self, _: &str, _: &str, lane: LaneKind, _: usize) -> Fate {
        let next = (lane == LaneKind::Control).then(|| self.0.lock().pop_front()).flatten();
        next.unwrap_or(Fate::Deliver { after: Duration::from_millis(1) })
    }
}

#[test]
fn a_lane_that_broke_is_dialled_anew_before_another_address_is_asked() {
    let weather = HitsControl::default();
    let net = Net::with(weather.clone());
    let (_coordinator, _run) = net.serve("c1", Party::Coordinator);
    let (deposed, _other) = net.serve("c2", Party::Coordinator);
    net.world.node("c2").pause();
    let coordinator = at_either(net.peers("s1", server(1)));
    let env = net.world.node("s1").env();
    net.world.block_on(async {
        assert!(ask(&coordinator, &env, floor()).await.0);
        weather.0.lock().push_back(Fate::Reset);
        assert!(ask(&coordinator, &env, floor()).await.0);
    });
    net.world.node("c2").resume();
    assert_eq!(*deposed.seen.lock(), Vec::<String>::new());
}

#[test]
fn a_lost_call_says_nothing_of_a_coordinator_that_answers_others() {
    let weather = HitsControl::default();
    let net = Net::with(weather.clone());
    let (_coordinator, _run) = net.serve("c1", Party::Coordinator);
    let (deposed, _other) = net.serve("c2", Party::Coordinator);
    let coordinator = at_either(net.peers("s1", server(1)));
    let env = net.world.node("s1").env();
    net.world.block_on(async {
        assert!(ask(&coordinator, &env, floor()).await.0);
        weather.0.lock().push_back(Fate::Lose);
        let renewed = async {
            env.clock.sleep(LEASE).await;
            ask(&coordinator, &env, renewal()).await.0
        };
        let ((is_stored, _), is_renewed) = futures_util::join!(ask(&coordinator, &env, floor()), renewed);
        assert!(!is_stored && is_renewed);
        assert!(ask(&coordinator, &env, renewal()).await.0);
        assert_eq!(*deposed.seen.lock(), Vec::<String>::new());
    });
}

/// Nobody answers at `c1`, and of what is sent on lanes to `c2` that many are lost.
#[derive(Clone, Default)]
struct Deaf(Arc<Mutex<u32>>);

impl Weather for Deaf {
    fn fate(&self, _: &str, to: &str, _: LaneKind, _: usize) -> Fate {
        let mut losses = self.0.lock();
        if to == "c1" {
            return Fate::Lose;
        }
        let is_lost = to == "c2" && *losses > 0;
        *losses -= u32::from(is_lost);
        if is_lost { Fate::Lose } else { Fate::Deliver { after: Duration::from_millis(1) } }
    }
}

#[test]
fn a_silent_address_does_not_take_the_time_of_the_other_for_ever() {
    // Of the time for a call, a dial may take some or all.
    for (dial, in_vain) in [(LEASE / 2, 1), (LEASE, 2)] {
        let weather = Deaf::default();
        let net = Net::with(weather.clone());
        let (_successor, _run) = net.serve("c2", Party::Coordinator);
        let config = PeersConfig { heartbeat_dial_timeout: dial, ..PeersConfig::new(CLUSTER, server(1)) };
        let coordinator = at_either(net.peers_with("s1", config));
        net.world.block_on(async {
            while coordinator.call(renewal()).await.is_err() {}
            *weather.0.lock() = 1;
            for _ in 0..in_vain {
                assert!(coordinator.call(renewal()).await.is_err(), "it is lost, then asked elsewhere");
            }
            assert!(coordinator.call(renewal()).await.is_ok(), "it comes back");
        });
    }
}
