//! The lanes of a process to others.

use super::{
    CallError, Caller, Stamps,
    caller::not_done,
    deadline::until,
    dial::{Dialler, Line},
};
use crate::wire::{ClusterId, Frame, FrameWriter, LaneKind, Party, Peer, Transport};
use parking_lot::Mutex;
use rekindle_env::{Env, Time};
use rekindle_types::{Rules, ServerId, ServerList};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// How a process calls others.
#[derive(Clone, Debug)]
pub struct PeersConfig {
    /// The cluster that it belongs to.
    pub cluster: ClusterId,
    /// Who it is; see [`Peers::become_party`].
    pub sender: Party,
    /// Longest time to open a lane and be welcomed.
    pub dial_timeout: Duration,
    /// The same of the lane for heartbeats, where the next dial has to come before the lease is over (F7).
    pub heartbeat_dial_timeout: Duration,
    /// Most calls outstanding on one lane; further ones wait.
    pub outstanding_max: usize,
    /// Rules in force (F6).
    pub rules: Rules,
}

impl PeersConfig {
    /// Defaults: 1 s to open a lane, 150 ms for heartbeats, 1,024 calls outstanding on each.
    #[must_use]
    pub fn new(cluster: ClusterId, sender: Party) -> Self {
        Self {
            cluster,
            sender,
            dial_timeout: Duration::from_secs(1),
            heartbeat_dial_timeout: Duration::from_millis(150),
            outstanding_max: 1024,
            rules: Rules::default(),
        }
    }
}

/// Keeps one lane per peer and kind: dialled at the first call, once, and anew after it broke.
pub struct Peers {
    dialler: Arc<Dialler>,
    lanes: Mutex<Lanes>,
}

struct Lanes {
    sender: Party,
    lines: BTreeMap<(Peer, LaneKind), Line>,
}

impl Lanes {
    /// Takes the lanes out that fit: the caller drops them, and closes them so, once it holds no lock.
    fn take(&mut self, fits: impl Fn(&Peer, LaneKind) -> bool) -> Vec<Line> {
        let keys: Vec<_> = self.lines.keys().filter(|(peer, kind)| fits(peer, *kind)).cloned().collect();
        keys.iter().filter_map(|key| self.lines.remove(key)).collect()
    }
}

impl Peers {
    /// No lanes yet.
    #[must_use]
    pub fn new(
        config: PeersConfig,
        env: Env,
        transport: Arc<dyn Transport>,
        stamps: Arc<dyn Stamps>,
    ) -> Arc<Self> {
        let lanes = Mutex::new(Lanes { sender: config.sender, lines: BTreeMap::new() });
        let dialler = Arc::new(Dialler { config, env, transport, stamps });
        Arc::new(Self { dialler, lanes })
    }

    /// The clock that deadlines are measured on.
    #[must_use]
    pub fn now(&self) -> Time {
        self.dialler.env.clock.now()
    }

    /// Speaks as somebody else from now on: a newcomer that has got its id. Closes every lane, since lanes name
    /// the sender only once; outstanding calls become unknown.
    pub fn become_party(&self, sender: Party) {
        let mut lanes = self.lanes.lock();
        lanes.sender = sender;
        let closed = std::mem::take(&mut lanes.lines);
        drop(lanes);
        drop(closed);
    }

    /// Closes the lanes to a server that left for good.
    pub fn forget(&self, server: ServerId) {
        let gone = self.lanes.lock().take(|peer, _| peer.party == Party::Server(server));
        drop(gone);
    }

    /// Closes the lanes to all servers that this list knows to be dead or removed.
    pub fn forget_gone(&self, list: &ServerList) {
        let is_gone = |peer: &Peer| matches!(peer.party, Party::Server(id) if list.is_gone(id));
        let gone = self.lanes.lock().take(|peer, _| is_gone(peer));
        drop(gone);
    }

    /// Lanes that are open, being opened, or opened anew at the next call.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.lanes.lock().lines.len()
    }

    /// Makes one call over the lane of this kind to this peer.
    pub async fn call(
        &self,
        peer: &Peer,
        lane: LaneKind,
        call: FrameWriter,
        deadline: Time,
    ) -> Result<Frame, CallError> {
        let caller = until(&*self.dialler.env.clock, deadline, self.caller(peer, lane));
        let caller = caller.await.ok_or_else(|| not_done("not connected until the deadline"))??;
        caller.call(call, deadline).await
    }

    async fn caller(&self, peer: &Peer, kind: LaneKind) -> Result<Arc<Caller>, CallError> {
        let mut replaced = Vec::new();
        let waiter = {
            let mut lanes = self.lanes.lock();
            let key = (peer.clone(), kind);
            match lanes.lines.get(&key) {
                Some(line) if line.is_usable() => line.waiter(),
                former => {
                    if former.is_none() {
                        // Whoever was there before is so no more: its lanes would stay for ever.
                        replaced = lanes.take(|p, k| k == kind && p.address == peer.address);
                    }
                    let line = self.dialler.begin(peer, kind, lanes.sender);
                    let waiter = line.waiter();
                    replaced.extend(lanes.lines.insert(key, line));
                    waiter
                }
            }
        };
        // Outside the lock: this closes them.
        drop(replaced);
        waiter.wait().await
    }
}
