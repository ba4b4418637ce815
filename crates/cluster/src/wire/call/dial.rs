//! How a lane is opened, for all who wait for it.

use super::{CallError, Caller, PeersConfig, Stamps, caller::not_done, deadline::until};
use crate::wire::{
    CallRefusal, Frame, FrameKind, Hello, Lane, LaneKind, Party, Peer, Stamp, Transport, WireError,
};
use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use rekindle_env::{Env, Task};
use rekindle_types::{RemoteError, Rule};
use std::sync::Arc;
use tokio::sync::oneshot;

type Dialled = Result<Arc<Caller>, CallError>;

/// A lane that is open, or on its way. Closed when dropped.
pub(super) struct Line {
    outcome: Shared<BoxFuture<'static, Dialled>>,
    /// One clone here, one with each who waits.
    waiting: Arc<()>,
    /// Dials, then takes the replies in.
    _task: Task,
}

/// One who waits for a lane.
pub(super) struct Waiter {
    outcome: Shared<BoxFuture<'static, Dialled>>,
    _waiting: Arc<()>,
}

impl Line {
    /// Whether the lane is open, or on its way for somebody. A dial that all have given up is none to wait for: what it
    /// sent may be lost.
    pub(super) fn is_usable(&self) -> bool {
        match self.outcome.clone().now_or_never() {
            Some(outcome) => outcome.is_ok_and(|caller| !caller.is_closed()),
            None => Arc::strong_count(&self.waiting) > 1,
        }
    }

    pub(super) fn waiter(&self) -> Waiter {
        Waiter { outcome: self.outcome.clone(), _waiting: self.waiting.clone() }
    }
}

impl Waiter {
    pub(super) async fn wait(self) -> Dialled {
        let Self { outcome, _waiting } = self;
        outcome.await
    }
}

/// Opens lanes.
pub(super) struct Dialler {
    pub(super) config: PeersConfig,
    pub(super) env: Env,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) stamps: Arc<dyn Stamps>,
}

impl Dialler {
    /// Begins a lane, in a task of its own: a caller who sleeps in the middle of a call, or gives it up, stops nobody
    /// else's dial.
    pub(super) fn begin(self: &Arc<Self>, peer: &Peer, kind: LaneKind, sender: Party) -> Line {
        let (dialled, outcome) = oneshot::channel();
        let outcome =
            outcome.map(|dialled| dialled.unwrap_or_else(|_| Err(not_done("the lane is given up"))));
        let run = self.clone().run(peer.clone(), kind, sender, dialled);
        let task = kind.track().spawn_of(&self.env).spawn("lane", Box::pin(run));
        Line { outcome: outcome.boxed().shared(), waiting: Arc::default(), _task: task }
    }

    async fn run(
        self: Arc<Self>,
        peer: Peer,
        kind: LaneKind,
        sender: Party,
        dialled: oneshot::Sender<Dialled>,
    ) {
        let within = match kind {
            // F7: renewals overlap, so that somebody always waits for a dial that is lost.
            LaneKind::Heartbeat => self.config.heartbeat_dial_timeout,
            _ => self.config.dial_timeout,
        };
        let deadline = self.env.clock.now() + within;
        let greeted = until(&*self.env.clock, deadline, self.dial(&peer, kind, sender)).await;
        let lane = match greeted.unwrap_or_else(|| Err(not_done("no welcome in time"))) {
            Ok(lane) => lane,
            Err(error) => {
                let _ = dialled.send(Err(error)); // All callers may have given up.
                return;
            }
        };
        let (clock, outstanding_max) = (self.env.clock.clone(), self.config.outstanding_max);
        let (caller, replies) =
            Caller::new(lane, kind, peer.party, outstanding_max, clock, self.stamps.clone());
        let _ = dialled.send(Ok(caller)); // Likewise: the next call finds it.
        drop(self);
        replies.await;
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
    fn check_welcome(&self, hello: &Hello, bytes: &Bytes) -> Result<(), CallError> {
        let malformed = |e: WireError| not_done(&format!("no welcome: {e}"));
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
