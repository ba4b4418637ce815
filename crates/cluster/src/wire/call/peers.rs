//! The lanes of a process to others.

use super::{CallError, Caller, Stamps, caller::not_done, deadline::until};
use crate::wire::{
    CallRefusal, ClusterId, Frame, FrameKind, FrameWriter, Hello, Lane, LaneKind, Party, Peer, Stamp,
    Transport,
};
use parking_lot::Mutex;
use rekindle_env::{Env, Task, Time};
use rekindle_types::{RemoteError, Rule, Rules, ServerId, ServerList};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::Mutex as AsyncMutex;

/// How a process calls others.
#[derive(Clone, Debug)]
pub struct PeersConfig {
    /// The cluster that it belongs to.
    pub cluster: ClusterId,
    /// Who it is; see [`Peers::become_party`].
    pub sender: Party,
    /// Longest time to open a lane and be welcomed.
    pub dial_timeout: Duration,
    /// Most calls outstanding on one lane; further ones wait.
    pub outstanding_max: usize,
    /// Rules in force (F6).
    pub rules: Rules,
}

impl PeersConfig {
    /// Defaults: 1 s to open a lane, 1,024 calls outstanding on each.
    #[must_use]
    pub fn new(cluster: ClusterId, sender: Party) -> Self {
        Self {
            cluster,
            sender,
            dial_timeout: Duration::from_secs(1),
            outstanding_max: 1024,
            rules: Rules::default(),
        }
    }
}

/// Keeps one lane per peer and kind: dialled at the first call, once, and anew after it broke.
pub struct Peers {
    config: PeersConfig,
    env: Env,
    transport: Arc<dyn Transport>,
    stamps: Arc<dyn Stamps>,
    lanes: Mutex<Lanes>,
}

struct Lanes {
    sender: Party,
    slots: BTreeMap<(Peer, LaneKind), Arc<Slot>>,
}

impl Lanes {
    /// Takes the lanes out that fit: the caller drops them, and closes them so, once it holds no lock.
    fn take(&mut self, fits: impl Fn(&Peer, LaneKind) -> bool) -> Vec<Arc<Slot>> {
        let mut taken = Vec::new();
        self.slots.retain(|(peer, kind), slot| {
            let stays = !fits(peer, *kind);
            if !stays {
                taken.push(slot.clone());
            }
            stays
        });
        taken
    }
}

/// Held while dialling: others wait for the same lane.
type Slot = AsyncMutex<Option<Live>>;

struct Live {
    caller: Arc<Caller>,
    _run: Task,
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
        let lanes = Mutex::new(Lanes { sender: config.sender, slots: BTreeMap::new() });
        Arc::new(Self { config, env, transport, stamps, lanes })
    }

    /// The clock that deadlines are measured on.
    #[must_use]
    pub fn now(&self) -> Time {
        self.env.clock.now()
    }

    /// Speaks as somebody else from now on: a newcomer that has got its id. Closes every lane, since lanes name
    /// the sender only once; outstanding calls become unknown.
    pub fn become_party(&self, sender: Party) {
        let mut lanes = self.lanes.lock();
        lanes.sender = sender;
        let closed = std::mem::take(&mut lanes.slots);
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
        self.lanes.lock().slots.len()
    }

    /// Makes one call over the lane of this kind to this peer.
    pub async fn call(
        &self,
        peer: &Peer,
        lane: LaneKind,
        call: FrameWriter,
        deadline: Time,
    ) -> Result<Frame, CallError> {
        let caller = until(&*self.env.clock, deadline, self.caller(peer, lane));
        let caller = caller.await.ok_or_else(|| not_done("not connected until the deadline"))??;
        caller.call(call, deadline).await
    }

    async fn caller(&self, peer: &Peer, kind: LaneKind) -> Result<Arc<Caller>, CallError> {
        let mut replaced = Vec::new();
        let (slot, sender) = {
            let mut lanes = self.lanes.lock();
            let sender = lanes.sender;
            let key = (peer.clone(), kind);
            let slot = match lanes.slots.get(&key) {
                Some(slot) => slot.clone(),
                None => {
                    // Whoever was there before is so no more: its lanes would stay for ever.
                    replaced = lanes.take(|p, k| k == kind && p.address == peer.address);
                    lanes.slots.entry(key).or_default().clone()
                }
            };
            (slot, sender)
        };
        drop(replaced);
        let mut live = slot.lock().await;
        if let Some(live) = live.as_ref().filter(|live| !live.caller.is_closed()) {
            return Ok(live.caller.clone());
        }
        *live = None;
        let deadline = self.env.clock.now() + self.config.dial_timeout;
        let greeted = until(&*self.env.clock, deadline, self.dial(peer, kind, sender));
        let lane = greeted.await.ok_or_else(|| not_done("no welcome in time"))??;
        let (caller, run) = Caller::new(
            lane,
            kind,
            peer.party,
            self.config.outstanding_max,
            self.env.clock.clone(),
            self.stamps.clone(),
        );
        let run = kind.track().spawn_of(&self.env).spawn("lane replies", Box::pin(run));
        *live = Some(Live { caller: caller.clone(), _run: run });
        Ok(caller)
    }

    async fn dial(&self, peer: &Peer, kind: LaneKind, sender: Party) -> Result<Lane, CallError> {
        let mut lane = self.transport.dial(peer, kind).await?;
        let hello = Hello { cluster: self.config.cluster, sender, target: peer.party, lane: kind };
        let packet = hello
            .encode(FrameKind::HELLO)
            .finish(0, 0, Stamp::default(), kind.frame_bytes_max())
            .map_err(|e| not_done(&e.to_string()))?;
        let closed = |_| not_done("the lane broke before the welcome");
        lane.sender.send(packet).await.map_err(closed)?;
        let bytes = lane.receiver.receive().await.map_err(closed)?;
        self.check_welcome(&hello, &bytes).inspect_err(|_| lane.sender.close())?;
        Ok(lane)
    }

    /// Nothing but the hello was sent so far: whatever is wrong, no call was made.
    fn check_welcome(&self, hello: &Hello, bytes: &bytes::Bytes) -> Result<(), CallError> {
        let malformed = |e: crate::wire::WireError| not_done(&format!("no welcome: {e}"));
        let frame = Frame::decode(bytes, hello.lane.frame_bytes_max()).map_err(malformed)?;
        if frame.kind == FrameKind::REFUSED {
            return Err(match CallRefusal::decode(&frame.body).map_err(malformed)? {
                CallRefusal::Unknown(why) => CallError::Remote(RemoteError::NotDone(why)),
                refusal => refusal.into(),
            });
        }
        if frame.kind != FrameKind::HELLO.reply() {
            return Err(not_done("no welcome but another frame"));
        }
        let welcome = Hello::decode(&frame.body).map_err(malformed)?;
        if welcome.cluster != hello.cluster {
            return Err(CallRefusal::WrongCluster.into());
        }
        // F6: both ends check.
        if self.config.rules.on(Rule::F6) && welcome.sender != hello.target {
            return Err(match welcome.sender {
                Party::Server(id) => CallError::WrongServer(Some(id)),
                _ => CallError::WrongServer(None),
            });
        }
        Ok(())
    }
}
