//! Who listens where.

use super::{
    MemoryTransport, NetworkCounts, NoTap, Tap, Weather,
    lane::{End, MemoryReceiver, Pipe, Wire},
};
use crate::wire::{Accepted, Identity, Lane, LaneKind, Peer, Track};
use parking_lot::Mutex;
use rekindle_env::Clock;
use rekindle_types::RemoteError;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};
use tokio::sync::Notify;

/// Most frames under way in one direction of a lane.
pub const QUEUE_FRAMES: usize = 1024;
/// Most bytes under way in one direction of a lane; one larger frame may be.
pub const QUEUE_BYTES: usize = 8 << 20;
/// Most lanes that a process has not accepted yet.
pub const BACKLOG_LANES: usize = 1024;

/// A network in memory: endpoints by address. Clones are the same network.
#[derive(Clone)]
pub struct MemoryNetwork(Arc<Network>);

impl MemoryNetwork {
    /// Without endpoints.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, weather: Arc<dyn Weather>) -> Self {
        Self::tapped(clock, weather, Arc::new(NoTap))
    }

    /// Without endpoints; `tap` is told of every frame.
    #[must_use]
    pub fn tapped(clock: Arc<dyn Clock>, weather: Arc<dyn Weather>, tap: Arc<dyn Tap>) -> Self {
        let (endpoints, counts) = Default::default();
        Self(Arc::new(Network { clock, weather, tap, endpoints, counts }))
    }

    /// What has happened to frames so far.
    #[must_use]
    pub fn counts(&self) -> NetworkCounts {
        *self.0.counts.lock()
    }

    /// A process begins to listen at `address`. One that listened there before is dead from now on, and lanes to
    /// it are reset when they are next used.
    #[must_use]
    pub fn endpoint(&self, address: &str, identity: Identity) -> Arc<MemoryTransport> {
        let mut endpoints = self.0.endpoints.lock();
        endpoints.processes += 1;
        let end = End { address: address.into(), process: endpoints.processes };
        let listener = Arc::new(Listener {
            end,
            identity,
            backlog: Mutex::new(Some(VecDeque::new())),
            changed: Notify::new(),
        });
        let former = endpoints.listeners.insert(address.to_owned(), listener.clone());
        drop(endpoints);
        former.inspect(|former| former.close());
        Arc::new(MemoryTransport { network: self.0.clone(), listener })
    }

    /// The process at `address` dies: dials to it fail, its lanes fall silent without a reset. Call it before the
    /// process's tasks are dropped, since these would still say good-bye.
    pub fn kill(&self, address: &str) {
        let former = self.0.endpoints.lock().listeners.remove(address);
        former.inspect(|former| former.close());
    }
}

pub(super) struct Network {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) weather: Arc<dyn Weather>,
    pub(super) tap: Arc<dyn Tap>,
    endpoints: Mutex<Endpoints>,
    /// A leaf lock.
    counts: Mutex<NetworkCounts>,
}

#[derive(Default)]
struct Endpoints {
    listeners: BTreeMap<String, Arc<Listener>>,
    processes: u64,
    /// Directions of lanes so far.
    streams: u64,
}

/// A process's open door. The backlog is `None` once it is dead.
pub(super) struct Listener {
    pub(super) end: End,
    pub(super) identity: Identity,
    backlog: Mutex<Option<VecDeque<Accepted>>>,
    changed: Notify,
}

impl Listener {
    fn close(&self) {
        let backlog = self.backlog.lock().take();
        drop(backlog);
        self.changed.notify_waiters();
    }

    fn offer(&self, accepted: Accepted) -> Result<(), RemoteError> {
        let mut backlog = self.backlog.lock();
        let Some(backlog) = backlog.as_mut() else { return Err(not_done("nobody listens there")) };
        if backlog.len() >= BACKLOG_LANES {
            return Err(not_done("too many lanes wait to be accepted"));
        }
        backlog.push_back(accepted);
        self.changed.notify_waiters();
        Ok(())
    }

    pub(super) async fn accept(&self, track: Track) -> Option<Accepted> {
        loop {
            let changed = self.changed.notified();
            match self.backlog.lock().as_mut() {
                None => return None,
                Some(backlog) => {
                    let first = backlog.iter().position(|accepted| accepted.kind.track() == track);
                    if let Some(accepted) = first.and_then(|at| backlog.remove(at)) {
                        return Some(accepted);
                    }
                }
            }
            changed.await;
        }
    }

    /// The certificate has to fit who was meant.
    fn is(&self, peer: &Peer) -> bool {
        self.identity.role.backs(peer.party)
            && peer.name.as_ref().is_none_or(|name| *name == self.identity.name)
    }
}

/// Whether frames can pass between two ends.
pub(super) enum Reach {
    Alive,
    /// One of the processes is dead: frames vanish.
    Silent,
    /// Another process listens at the address now: it answers with a reset.
    Replaced,
}

impl Network {
    pub(super) fn count(&self, add: impl FnOnce(&mut NetworkCounts)) {
        add(&mut self.counts.lock());
    }

    pub(super) fn reach(&self, from: &End, to: &End) -> Reach {
        let endpoints = self.endpoints.lock();
        let process = |end: &End| endpoints.listeners.get(&*end.address).map(|l| l.end.process);
        match (process(from), process(to)) {
            (Some(f), _) if f != from.process => Reach::Silent,
            (None, _) | (_, None) => Reach::Silent,
            (_, Some(t)) if t == to.process => Reach::Alive,
            _ => Reach::Replaced,
        }
    }

    /// A lane from one living process to another.
    pub(super) fn connect(
        self: &Arc<Self>,
        from: &Listener,
        peer: &Peer,
        kind: LaneKind,
    ) -> Result<Lane, RemoteError> {
        let to = self.endpoints.lock().listeners.get(&peer.address).cloned();
        let to = to.ok_or_else(|| not_done("nobody listens there"))?;
        if !matches!(self.reach(&from.end, &to.end), Reach::Alive) {
            return Err(not_done("this process is dead"));
        }
        if !to.is(peer) {
            return Err(not_done("another certificate than the expected one"));
        }
        let [there, back] = [(); 2].map(|()| Pipe::new(self.next_stream(), QUEUE_FRAMES, QUEUE_BYTES));
        let near = self.end_of_lane(kind, &from.end, &to.end, there.clone(), back.clone());
        let far = self.end_of_lane(kind, &to.end, &from.end, back, there);
        to.offer(Accepted { lane: far, kind, identity: from.identity.clone() })?;
        Ok(near)
    }

    fn next_stream(&self) -> u64 {
        let mut endpoints = self.endpoints.lock();
        endpoints.streams += 1;
        endpoints.streams
    }

    fn end_of_lane(
        self: &Arc<Self>,
        kind: LaneKind,
        from: &End,
        to: &End,
        out: Arc<Pipe>,
        back: Arc<Pipe>,
    ) -> Lane {
        let wire =
            Arc::new(Wire { network: self.clone(), kind, from: from.clone(), to: to.clone(), out, back });
        let receiver = MemoryReceiver { clock: self.clock.clone(), wire: wire.clone() };
        Lane { sender: wire, receiver: Box::new(receiver) }
    }
}

pub(super) fn not_done(why: &str) -> RemoteError {
    RemoteError::NotDone(why.to_owned())
}
