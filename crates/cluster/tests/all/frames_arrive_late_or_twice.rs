//! What a network with several lanes can do to calls: they overtake each other, come twice, or long after their lane has
//! broken, beside those of its successor.

use crate::calls_reach_the_right_service::get;
use crate::support::*;
use futures_util::future::join;
use parking_lot::Mutex;
use rekindle_backup::{BackupStore, ReplicaFree};
use rekindle_client::{Master, ObjectRequest};
use rekindle_cluster::{
    memory::{Fate, Weather},
    wire::{LaneKind, Party, RemoteBackup, RemoteControl, RemoteMaster},
};
use rekindle_coordinator::{Order, OrderKind, ServerControl};
use rekindle_types::{LogId, ReplicaId, SegmentId, ServerId, SessionNumber, Term};
use std::{collections::VecDeque, sync::Arc, time::Duration};

/// Fates of the next frames from the callers, each for a kind of lane; else they arrive at once.
#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<VecDeque<(LaneKind, Fate)>>>);

impl Weather for Scripted {
    fn fate(&self, from: &str, _: &str, lane: LaneKind, bytes: usize) -> Fate {
        let mut script = self.0.lock();
        let is_next =
            script.front().is_some_and(|(kind, _)| *kind == lane) && from.starts_with("caller") && bytes > 0;
        let fate = if is_next { script.pop_front().map(|(_, fate)| fate) } else { None };
        fate.unwrap_or(Fate::Deliver { after: DELAY })
    }
}

const LATE: Duration = Duration::from_millis(400);

struct Scene {
    net: Net,
    weather: Scripted,
    fake: Arc<Fake>,
    _serve: rekindle_env::Task,
    control: RemoteControl,
    backup: RemoteBackup,
    master: RemoteMaster,
}

fn scene() -> Scene {
    let weather = Scripted::default();
    let net = Net::with(weather.clone());
    let (fake, serve) = net.serve("s", server(2));
    let to = || peer(server(2), "s");
    let timeout = Duration::from_secs(1);
    let orders = net.peers("caller-c", Party::Coordinator);
    let calls = net.peers("caller-m", server(1));
    let scene = Scene {
        control: RemoteControl::new(orders, to(), timeout, timeout),
        backup: RemoteBackup::new(calls.clone(), to(), timeout, timeout),
        master: RemoteMaster::new(calls, to()),
        weather,
        fake,
        _serve: serve,
        net,
    };
    // Greetings are over before the script begins.
    scene
        .net
        .world
        .block_on(async { assert!(scene.order(9).await && scene.free(9).await && scene.get().await) });
    scene.fake.seen.lock().clear();
    scene
}

impl Scene {
    fn script(&self, fates: impl IntoIterator<Item = (LaneKind, Fate)>) {
        self.weather.0.lock().extend(fates);
    }

    fn seen(&self) -> Vec<String> {
        self.fake.seen.lock().clone()
    }

    async fn order(&self, log: u64) -> bool {
        let kind = OrderKind::FreeLog(LogId::of(ServerId(log)));
        self.control.call(Order { term: Term(1), kind }).await.is_ok()
    }

    async fn free(&self, segment: u64) -> bool {
        let free = ReplicaFree { replica: of_segment(segment), session: SessionNumber(1) };
        self.backup.free(free).await.is_ok()
    }

    async fn get(&self) -> bool {
        self.master.call(ObjectRequest { calls: vec![get()], time_left_ms: 500 }).await.is_ok()
    }
}

fn order_seen(log: u64) -> String {
    format!("order {:?}", OrderKind::FreeLog(LogId::of(ServerId(log))))
}

fn free_seen(segment: u64) -> String {
    format!("free {}", of_segment(segment))
}

fn of_segment(segment: u64) -> ReplicaId {
    ReplicaId { segment: SegmentId(segment), ..replica(1) }
}

#[test]
fn lanes_overtake_each_other_and_a_lane_keeps_its_order() {
    let s = scene();
    s.script([(LaneKind::Replication, Fate::Deliver { after: LATE })]);
    s.net.world.block_on(async {
        assert!(s.order(1).await);
        let ((), second) = join(
            async {
                let both = join(s.free(1), s.free(2)).await;
                assert_eq!(both, (true, true));
            },
            s.order(2),
        )
        .await;
        assert!(second);
    });
    assert_eq!(s.seen(), [order_seen(1), order_seen(2), free_seen(1), free_seen(2)]);
}

#[test]
fn a_call_of_a_broken_lane_arrives_beside_those_of_the_next_one() {
    let s = scene();
    s.script([(LaneKind::Control, Fate::Break { after: LATE })]);
    s.net.world.block_on(async {
        let begun = s.net.world.now();
        assert!(!s.order(1).await, "its outcome is unknown");
        assert!(s.net.world.now().since(begun) < LATE, "and that at once");
        assert!(s.order(2).await);
        assert_eq!(s.seen(), [order_seen(2)]);
        s.net.world.node("net").env().clock.sleep(LATE).await;
    });
    assert_eq!(s.seen(), [order_seen(2), order_seen(1)]);
    assert_eq!(s.net.network.counts().breaks, 1);
}

#[test]
fn an_order_may_come_again_behind_later_ones() {
    let s = scene();
    s.script([(LaneKind::Control, Fate::Twice { after: DELAY, again: LATE })]);
    s.net.world.block_on(async {
        assert!(s.order(1).await && s.order(2).await);
        s.net.world.node("net").env().clock.sleep(LATE).await;
        assert!(s.order(3).await, "the lane lives on");
    });
    assert_eq!(s.seen(), [1, 2, 1, 3].map(order_seen));
    assert_eq!(s.net.network.counts().repeated, 1);
}

#[test]
fn a_write_of_a_replica_comes_again_at_once_and_an_object_call_never() {
    let s = scene();
    let twice = Fate::Twice { after: DELAY, again: LATE };
    s.script([(LaneKind::Replication, twice), (LaneKind::Object, twice)]);
    s.net.world.block_on(async {
        assert_eq!(join(s.free(1), s.free(2)).await, (true, true));
        assert!(s.get().await);
        s.net.world.node("net").env().clock.sleep(LATE).await;
    });
    let seen = s.seen();
    assert_eq!(seen[..3], [free_seen(1), free_seen(1), free_seen(2)]);
    assert_eq!(seen.len(), 4, "{seen:?}");
}
