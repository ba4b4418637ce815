//! What a caller learns when the network fails: not done when nothing left, unknown when it may have arrived, and a
//! new lane for the next call.

use crate::calls_reach_the_right_service::get;
use crate::support::*;
use bytes::Bytes;
use parking_lot::Mutex;
use rekindle_backup::{BackupStore, ReplicaFree};
use rekindle_client::{Master, ObjectRequest};
use rekindle_cluster::{
    memory::{Fate, Weather},
    wire::{
        Frame, FrameKind, FrameWriter, Hello, LaneKind, Packet, Party, RemoteBackup, RemoteMaster, Stamp,
        Track, Transport,
    },
};
use rekindle_types::{RemoteError, SessionNumber};
use std::{collections::VecDeque, sync::Arc, time::Duration};

/// Fates of the next frames from the client, in order; calm otherwise.
#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<VecDeque<Fate>>>);

impl Weather for Scripted {
    fn fate(&self, from: &str, _: &str, _: LaneKind, _: usize) -> Fate {
        let scripted = if from == "client" { self.0.lock().pop_front() } else { None };
        scripted.unwrap_or(Fate::Deliver { after: DELAY })
    }

    fn keeps_order(&self) -> bool {
        false
    }
}

const DELIVER: Fate = Fate::Deliver { after: DELAY };

struct Scene {
    net: Net,
    weather: Scripted,
    fake: Arc<Fake>,
    serve: Option<rekindle_env::Task>,
    master: RemoteMaster,
}

fn scene() -> Scene {
    let weather = Scripted::default();
    let net = Net::with(weather.clone());
    let (fake, serve) = net.serve("s", server(2));
    let master = RemoteMaster::new(net.peers("client", Party::Client), peer(server(2), "s"));
    Scene { net, weather, fake, serve: Some(serve), master }
}

impl Scene {
    fn script(&self, fates: impl IntoIterator<Item = Fate>) {
        self.weather.0.lock().extend(fates);
    }

    async fn call(&self) -> Result<(), RemoteError> {
        self.master.call(ObjectRequest { calls: vec![get()], time_left_ms: 200 }).await.map(drop)
    }
}

fn is_unknown(result: &Result<(), RemoteError>) -> bool {
    matches!(result, Err(RemoteError::Unknown(_)))
}

fn is_not_done(result: &Result<(), RemoteError>) -> bool {
    matches!(result, Err(RemoteError::NotDone(_)))
}

#[test]
fn a_lost_call_is_unknown_at_its_deadline_and_the_lane_lives_on() {
    let s = scene();
    s.net.world.block_on(async {
        s.call().await.unwrap();
        s.script([Fate::Lose]);
        let begin = s.net.world.now();
        assert!(is_unknown(&s.call().await));
        assert_eq!(s.net.world.now().since(begin), Duration::from_millis(200));
        s.call().await.unwrap();
    });
    assert_eq!(s.fake.seen.lock().len(), 2);
}

#[test]
fn a_lost_dial_or_hello_is_not_done() {
    for fates in [vec![Fate::Lose], vec![DELIVER, Fate::Lose], vec![Fate::Reset], vec![DELIVER, Fate::Reset]]
    {
        let s = scene();
        s.script(fates);
        s.net.world.block_on(async {
            assert!(is_not_done(&s.call().await));
            s.call().await.unwrap();
        });
    }
}

#[test]
fn a_reset_makes_outstanding_calls_unknown_and_the_next_call_dials() {
    let s = scene();
    *s.fake.delay.lock() = Some((s.net.world.node("x").env(), Duration::from_millis(50)));
    s.net.world.block_on(async {
        s.call().await.unwrap();
        s.script([DELIVER, Fate::Reset]);
        let (first, second) = futures_util::future::join(s.call(), s.call()).await;
        assert!(is_unknown(&first), "it was under way: {first:?}");
        assert!(is_not_done(&second), "it never left: {second:?}");
        s.call().await.unwrap();
    });
    assert_eq!(s.fake.seen.lock().len(), 2);
}

#[test]
fn a_dead_process_is_silent_and_its_successor_resets() {
    let mut s = scene();
    s.net.world.block_on(s.call()).unwrap();
    s.net.network.kill("s");
    drop(s.serve.take());
    s.net.world.block_on(async {
        let begin = s.net.world.now();
        assert!(is_unknown(&s.call().await), "its lane is silent");
        assert_eq!(s.net.world.now().since(begin), Duration::from_millis(200));
        let other = RemoteMaster::new(s.net.peers("other", Party::Client), peer(server(2), "s"));
        let request = ObjectRequest { calls: vec![get()], time_left_ms: 200 };
        assert!(is_not_done(&other.call(request).await.map(drop)), "nobody listens there");
    });
    let (fake, _serve) = s.net.serve("s", server(3));
    s.net.world.block_on(async {
        assert!(is_not_done(&s.call().await), "the old lane is reset");
        assert!(is_not_done(&s.call().await), "and the new process is another server");
    });
    assert!(fake.seen.lock().is_empty());
}

#[test]
fn a_call_that_is_given_up_takes_no_place_and_no_later_answer() {
    let s = scene();
    let env = s.net.world.node("x").env();
    *s.fake.delay.lock() = Some((env.clone(), Duration::from_millis(50)));
    s.net.world.block_on(async {
        // Many more than may be outstanding on a lane.
        for _ in 0..5_000 {
            let brief = env.clock.sleep(Duration::from_micros(200));
            let call = futures_util::future::select(Box::pin(s.call()), brief).await;
            assert!(matches!(call, futures_util::future::Either::Right(_)), "it takes 50 ms");
        }
        *s.fake.delay.lock() = None;
        env.clock.sleep(Duration::from_millis(200)).await;
        s.call().await.unwrap();
    });
}

/// Welcomes whoever dials, then answers every call with these bytes, in place of a frame or of its body.
async fn answer_nonsense(transport: Arc<dyn Transport>, nonsense: Nonsense) {
    while let Some(mut accepted) = transport.accept(Track::Main).await {
        let hello = Frame::decode(&accepted.lane.receiver.receive().await.unwrap(), usize::MAX).unwrap();
        let hello = Hello::decode(&hello.body).unwrap();
        let welcome = Hello { sender: hello.target, target: hello.sender, ..hello };
        let finished = |frame: FrameWriter, request| frame.finish(request, 0, Stamp::default(), usize::MAX);
        let welcome = finished(welcome.encode(FrameKind::HELLO.reply()), 0).unwrap();
        accepted.lane.sender.send(welcome).await.unwrap();
        while let Ok(call) = accepted.lane.receiver.receive().await {
            let call = Frame::decode(&call, usize::MAX).unwrap();
            let answer = match nonsense {
                Nonsense::NoFrame => Packet::raw(Bytes::from_static(b"no frame")),
                Nonsense::NoBody => finished(FrameWriter::new(call.kind.reply()), call.request).unwrap(),
                Nonsense::OtherKind => finished(FrameWriter::new(FrameKind::HELLO), call.request).unwrap(),
            };
            if accepted.lane.sender.send(answer).await.is_err() {
                break;
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Nonsense {
    NoFrame,
    NoBody,
    OtherKind,
}

#[test]
fn an_answer_that_makes_no_sense_is_unknown_at_once() {
    for nonsense in [Nonsense::NoFrame, Nonsense::NoBody, Nonsense::OtherKind] {
        let net = Net::calm();
        let transport = net.network.endpoint("s", identity(server(2)));
        let env = net.world.node("s").env();
        let _serve = env.spawn.spawn("nonsense", Box::pin(answer_nonsense(transport, nonsense)));
        let master = RemoteMaster::new(net.peers("client", Party::Client), peer(server(2), "s"));
        let begin = net.world.now();
        // Twice: the lane that broke does not stand in the way of the next call.
        for _ in 0..2 {
            let request = ObjectRequest { calls: vec![get()], time_left_ms: 200 };
            let answer = net.world.block_on(master.call(request)).map(drop);
            assert!(is_unknown(&answer), "{nonsense:?}: {answer:?}");
        }
        assert!(net.world.now().since(begin) < Duration::from_millis(100), "{nonsense:?}");
    }
}

#[test]
fn frames_that_overtake_each_other_are_told_apart() {
    let s = scene();
    s.net.world.block_on(async {
        s.call().await.unwrap();
        s.script((0..50).rev().map(|i| Fate::Deliver { after: Duration::from_micros(i * 10) }));
        let calls = (1..50).map(|n| {
            let request = ObjectRequest { calls: vec![get(); n], time_left_ms: 200 };
            let call = s.master.call(request);
            async move { (n, call.await.unwrap().results.len()) }
        });
        for (sent, received) in futures_util::future::join_all(calls).await {
            assert_eq!(sent, received);
        }
    });
}

#[test]
fn hanging_object_calls_hold_up_no_replica_call() {
    let s = scene();
    let env = s.net.world.node("x").env();
    *s.fake.delay.lock() = Some((env.clone(), Duration::from_secs(100)));
    s.net.world.block_on(async {
        // V3: more object calls than any limit allows, from a client and from the backup's own master.
        let peers = s.net.peers("m", server(1));
        let master = RemoteMaster::new(peers.clone(), peer(server(2), "s"));
        let hang = |master: RemoteMaster| async move {
            let request = || ObjectRequest { calls: vec![get()], time_left_ms: 2000 };
            futures_util::future::join_all((0..3000).map(|_| master.call(request()))).await;
        };
        let hanging = env.spawn.spawn("hang", Box::pin(hang(master)));
        env.clock.sleep(Duration::from_millis(100)).await;
        *s.fake.delay.lock() = None;
        let backup = RemoteBackup::new(
            peers,
            peer(server(2), "s"),
            Duration::from_millis(5),
            Duration::from_millis(5),
        );
        assert_eq!(backup.free(ReplicaFree { replica: replica(1), session: SessionNumber(1) }).await, Ok(()));
        assert_eq!(backup.stats().await.frames, 9);
        hanging.stop();
    });
    let objects = s.fake.seen.lock().iter().filter(|call| call.starts_with("objects")).count();
    assert_eq!(objects, 256, "no more handlers than the lane's limit");
}
