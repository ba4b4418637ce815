//! Whoever taps the network in memory sees each frame leave and arrive, or learns what became of it.

use crate::calls_reach_the_right_service::get;
use crate::support::*;
use parking_lot::Mutex;
use rekindle_client::{Master, ObjectRequest};
use rekindle_cluster::{
    memory::{Fate, MemoryNetwork, Message, Passage, Tap, Weather},
    wire::{FrameKind, LaneKind, Party, RemoteMaster},
};
use rekindle_env::{Time, memory::World};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// From, to, lane's direction, place, kind of frame if it is one, and what happened.
type Seen = (String, String, u64, u64, Option<u8>, Passage);

#[derive(Default)]
struct Notes(Mutex<Vec<Seen>>);

impl Tap for Notes {
    fn message(&self, message: &Message<'_>) {
        assert_eq!(message.lane, LaneKind::Object);
        let kind = message.frame.get(4).copied();
        let (from, to) = (message.from.to_owned(), message.to.to_owned());
        self.0.lock().push((from, to, message.stream, message.place, kind, message.passage));
    }
}

/// The fate of the next frame from the client; calm otherwise.
#[derive(Clone, Default)]
struct Next(Arc<Mutex<Option<Fate>>>);

impl Weather for Next {
    fn fate(&self, from: &str, _: &str, _: LaneKind, _: usize) -> Fate {
        let next = if from == "client" { self.0.lock().take() } else { None };
        next.unwrap_or(Fate::Deliver { after: DELAY })
    }
}

struct Scene {
    net: Net,
    next: Next,
    notes: Arc<Notes>,
    master: RemoteMaster,
    _serve: rekindle_env::Task,
}

fn scene() -> Scene {
    let (world, next, notes) = (World::new(1), Next::default(), Arc::new(Notes::default()));
    let clock = world.node("net").env().clock;
    let network = MemoryNetwork::tapped(clock, Arc::new(next.clone()), notes.clone());
    let net = Net { world, network };
    let (_, serve) = net.serve("s", server(2));
    let master = RemoteMaster::new(net.peers("client", Party::Client), peer(server(2), "s"));
    Scene { net, next, notes, master, _serve: serve }
}

impl Scene {
    fn call(&self) -> Vec<Seen> {
        let request = ObjectRequest { calls: vec![get()], time_left_ms: 200 };
        drop(self.net.world.block_on(self.master.call(request)));
        std::mem::take(&mut *self.notes.0.lock())
    }
}

#[test]
fn a_call_is_seen_to_leave_and_to_arrive_both_ways() {
    let scene = scene();
    let seen = scene.call();
    let (object, hello) = (FrameKind::OBJECT, FrameKind::HELLO);
    let kinds: Vec<Option<u8>> = seen.iter().map(|seen| seen.4).collect();
    let twice = |kind: FrameKind| [Some(kind.0); 2];
    let expected: Vec<Option<u8>> = [None]
        .into_iter()
        .chain([hello, hello.reply(), object, object.reply()].into_iter().flat_map(twice))
        .collect();
    assert_eq!(kinds, expected);
    assert_eq!(seen[0].5, Passage::Dialled);
    let mut due = BTreeMap::<(u64, u64), Time>::new();
    for (_, _, stream, place, _, passage) in &seen[1..] {
        match passage {
            Passage::Sent { due: at } => assert!(due.insert((*stream, *place), *at).is_none()),
            Passage::Received => assert!(due.remove(&(*stream, *place)).is_some()),
            other => panic!("{other:?} in calm weather"),
        }
    }
    assert!(due.is_empty(), "not received: {due:?}");
    assert_eq!((&*seen[1].0, &*seen[1].1, &*seen[2].0, &*seen[2].1), ("client", "s", "client", "s"));
    assert_eq!((&*seen[3].0, &*seen[3].1), ("s", "client"));
}

#[test]
fn what_became_of_the_others_is_told() {
    let scene = scene();
    scene.call();
    let fate = |fate| {
        *scene.next.0.lock() = Some(fate);
        scene.call().first().map(|seen| seen.5)
    };
    assert_eq!(fate(Fate::Lose), Some(Passage::Lost));
    assert_eq!(fate(Fate::Reset), Some(Passage::Reset));
    scene.call();
    scene.net.network.kill("s");
    assert_eq!(scene.call().first().map(|seen| seen.5), Some(Passage::Unheard));
    scene.net.world.run_for(Duration::from_secs(60));
}

#[test]
fn a_lane_that_breaks_behind_a_frame_is_told_after_it() {
    let scene = scene();
    scene.call();
    *scene.next.0.lock() = Some(Fate::Break { after: DELAY });
    let seen: Vec<Passage> = scene.call().into_iter().map(|seen| seen.5).collect();
    assert!(matches!(seen[..], [Passage::Sent { .. }, Passage::LaneBroken]), "{seen:?}");
    // The caller knows at once that the lane is gone; the frame arrives all the same.
    scene.net.world.run_for(Duration::from_secs(1));
    assert_eq!(scene.notes.0.lock()[0].5, Passage::Received);
}

#[test]
fn a_dial_that_fails_is_told() {
    let scene = scene();
    scene.net.network.kill("s");
    let seen: Vec<Passage> = scene.call().into_iter().map(|seen| seen.5).collect();
    assert_eq!(seen[..2], [Passage::Dialled, Passage::NotConnected]);
}
