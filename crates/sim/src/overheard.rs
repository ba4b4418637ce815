//! Listens in on a storage server's lanes: which calls on objects it answers, and what its lease is worth then.
//!
//! It believes nobody: what covers an answer is counted from the renewals that were seen to leave and to be answered,
//! on the world's clock; whose the key is, the coordinator's record says.

use crate::check::{Answer, ServedTooLate, check_lease_end};
use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use rekindle_client::{ObjectOp, ObjectRequest};
use rekindle_cluster::{
    memory::MemoryTransport,
    wire::{
        Accepted, Frame, FrameKind, FrameReceiver, FrameSender, Lane, LaneClosed, LaneKind, Packet, Peer,
        Track, Transport, codec,
    },
};
use rekindle_env::{Clock, Time};
use rekindle_types::{KeyHash, RemoteError, Reply, Request, ServerId, TableId, key_hash};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Says whose a key is by the record.
pub(crate) type OwnerOf = Box<dyn Fn(TableId, KeyHash) -> Option<ServerId> + Send + Sync>;

/// What is heard of all servers.
pub(crate) struct Overheard {
    /// The world's.
    clock: Arc<dyn Clock>,
    owner_of: OwnerOf,
    heard: Mutex<Heard>,
}

#[derive(Default)]
struct Heard {
    answers: u64,
    /// The first answer that should not have been given.
    wrong: Option<ServedTooLate>,
}

impl Overheard {
    pub(crate) fn new(clock: Arc<dyn Clock>, owner_of: OwnerOf) -> Arc<Self> {
        Arc::new(Self { clock, owner_of, heard: Mutex::default() })
    }

    /// How many answers there were so far.
    pub(crate) fn answers(&self) -> u64 {
        self.heard.lock().answers
    }

    /// The first answer that should not have been given.
    pub(crate) fn wrong(&self) -> Option<ServedTooLate> {
        self.heard.lock().wrong
    }

    /// What a process sends and gets through `transport`, listened to.
    pub(crate) fn on(self: &Arc<Self>, transport: Arc<MemoryTransport>) -> Arc<dyn Transport> {
        Arc::new(Overhearing { transport, overheard: self.clone(), lease: Arc::default() })
    }

    fn heard(&self, answer: Answer) {
        let checked = check_lease_end(&answer);
        let mut heard = self.heard.lock();
        heard.answers += 1;
        heard.wrong = heard.wrong.or(checked.err());
    }
}

/// A process's transport.
struct Overhearing {
    transport: Arc<MemoryTransport>,
    overheard: Arc<Overheard>,
    lease: Arc<Mutex<Lease>>,
}

/// What its renewals are worth.
#[derive(Default)]
struct Lease {
    /// Renewals without an answer, by lane and request: when they were sent.
    sent: BTreeMap<(u64, u64), (ServerId, Time)>,
    lanes: u64,
    /// Whose it is, and until when it surely is over.
    granted: Option<(ServerId, Time)>,
}

/// Renewals without an answer of which one remembers when they were sent: more than are ever outstanding.
const RENEWALS_MAX: usize = 256;

impl Lease {
    fn asked(&mut self, lane: u64, frame: &Frame, now: Time) {
        let Ok(Request::Renew { server, .. }) = codec::decode_postcard(&frame.body) else { return };
        if self.sent.len() == RENEWALS_MAX {
            self.sent.pop_first();
        }
        self.sent.insert((lane, frame.request), (server, now));
    }

    fn answered(&mut self, lane: u64, frame: &Frame) {
        let Some((server, sent)) = self.sent.remove(&(lane, frame.request)) else { return };
        let Ok(Reply::Renewed { lease_ms, .. }) = codec::decode_postcard(&frame.body) else { return };
        let until = sent + worth(Duration::from_millis(lease_ms.into()));
        let known = self.granted.filter(|(known, _)| *known == server).map_or(Time(0), |(_, until)| until);
        self.granted = Some((server, until.max(known)));
    }
}

/// The longest that a lease may last by another clock: the drift bound of docs/protocols.md.
fn worth(lease: Duration) -> Duration {
    lease + lease / 100 + Duration::from_millis(5)
}

#[async_trait]
impl Transport for Overhearing {
    async fn dial(&self, peer: &Peer, kind: LaneKind) -> Result<Lane, RemoteError> {
        let lane = self.transport.dial(peer, kind).await?;
        if kind != LaneKind::Heartbeat {
            return Ok(lane);
        }
        let number = {
            let mut lease = self.lease.lock();
            lease.lanes += 1;
            lease.lanes
        };
        let ear = Renewals { number, lease: self.lease.clone(), clock: self.overheard.clock.clone() };
        Ok(listened(lane, ear))
    }

    async fn accept(&self, track: Track) -> Option<Accepted> {
        let accepted = self.transport.accept(track).await?;
        if accepted.kind != LaneKind::Object {
            return Some(accepted);
        }
        let ear =
            Objects { overheard: self.overheard.clone(), lease: self.lease.clone(), open: Mutex::default() };
        Some(Accepted { lane: listened(accepted.lane, ear), ..accepted })
    }
}

/// Hears what passes on a lane.
trait Ear: Send + Sync {
    fn sends(&self, frame: Frame);
    fn gets(&self, frame: Frame);
}

fn listened(lane: Lane, ear: impl Ear + 'static) -> Lane {
    let ear = Arc::new(ear);
    Lane {
        sender: Arc::new(Sender { inner: lane.sender, ear: ear.clone() }),
        receiver: Box::new(Receiver { inner: lane.receiver, ear }),
    }
}

struct Sender<E> {
    inner: Arc<dyn FrameSender>,
    ear: Arc<E>,
}

#[async_trait]
impl<E: Ear> FrameSender for Sender<E> {
    async fn send(&self, packet: Packet) -> Result<(), LaneClosed> {
        let bytes = packet.into_bytes();
        frame(&bytes).inspect(|frame| self.ear.sends(frame.clone()));
        self.inner.send(Packet::raw(bytes)).await
    }

    fn close(&self) {
        self.inner.close();
    }
}

struct Receiver<E> {
    inner: Box<dyn FrameReceiver>,
    ear: Arc<E>,
}

#[async_trait]
impl<E: Ear> FrameReceiver for Receiver<E> {
    async fn receive(&mut self) -> Result<Bytes, LaneClosed> {
        let bytes = self.inner.receive().await?;
        frame(&bytes).inspect(|frame| self.ear.gets(frame.clone()));
        Ok(bytes)
    }
}

fn frame(bytes: &Bytes) -> Option<Frame> {
    Frame::decode(bytes, usize::MAX).ok()
}

/// On a lane to the coordinator.
struct Renewals {
    number: u64,
    lease: Arc<Mutex<Lease>>,
    clock: Arc<dyn Clock>,
}

impl Ear for Renewals {
    fn sends(&self, frame: Frame) {
        if frame.kind == FrameKind::COORDINATOR {
            self.lease.lock().asked(self.number, &frame, self.clock.now());
        }
    }

    fn gets(&self, frame: Frame) {
        if frame.kind == FrameKind::COORDINATOR.reply() {
            self.lease.lock().answered(self.number, &frame);
        }
    }
}

/// On a lane of somebody who calls objects.
struct Objects {
    overheard: Arc<Overheard>,
    lease: Arc<Mutex<Lease>>,
    /// Requests without an answer: what an answer to each of their calls would be.
    open: Mutex<BTreeMap<u64, Vec<Answer>>>,
}

impl Ear for Objects {
    /// F2: the server decides when it takes the request off the wire, and does not wait in between.
    fn gets(&self, frame: Frame) {
        if frame.kind != FrameKind::OBJECT {
            return;
        }
        let Ok(ObjectRequest { calls, .. }) = codec::decode_object_request(&frame.body, 0) else { return };
        let decided = self.overheard.clock.now();
        let (master, covered_until) = self.lease.lock().granted.unwrap_or_default();
        let answer = |table, hash| {
            let owner = (self.overheard.owner_of)(table, hash);
            Answer { master, table, hash, decided, covered_until, owner }
        };
        let answers = calls.iter().map(|call| answer(call.table, hash_of(call.table, &call.op)));
        self.open.lock().insert(frame.request, answers.collect());
    }

    fn sends(&self, frame: Frame) {
        let Some(answers) = self.open.lock().remove(&frame.request) else { return };
        if frame.kind != FrameKind::OBJECT.reply() {
            return;
        }
        let Ok(reply) = codec::decode_object_reply(&frame.body) else { return };
        let given = answers.into_iter().zip(reply.results).filter(|(_, result)| result.is_ok());
        given.for_each(|(answer, _)| self.overheard.heard(answer));
    }
}

fn hash_of(table: TableId, op: &ObjectOp) -> KeyHash {
    match op {
        ObjectOp::Get { key } | ObjectOp::Put { key, .. } | ObjectOp::Delete { key, .. } => {
            key_hash(table, key)
        }
        ObjectOp::Scan { from, .. } => *from,
    }
}
