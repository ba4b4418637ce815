//! The calling side of a lane.

use super::{
    Stamps,
    deadline::{time_left_ms, until},
};
use crate::wire::{
    CallRefusal, Frame, FrameKind, FrameReceiver, FrameSender, FrameWriter, Lane, LaneKind, Party, Stamp,
};
use parking_lot::Mutex;
use rekindle_env::{Clock, Time};
use rekindle_types::{RemoteError, ServerId};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::{Semaphore, oneshot};

/// Why a call brought no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Another process is there (F6): surely not done. Its id, if it has one.
    #[error("the wrong server answers: {0:?}")]
    WrongServer(Option<ServerId>),
    /// The lane broke before the call left: surely not done. The next call dials anew.
    #[error("the lane is closed")]
    LaneClosed,
    /// Anything else.
    #[error(transparent)]
    Remote(#[from] RemoteError),
}

impl From<CallError> for RemoteError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::WrongServer(_) | CallError::LaneClosed => Self::NotDone(error.to_string()),
            CallError::Remote(error) => error,
        }
    }
}

impl From<CallRefusal> for CallError {
    fn from(refusal: CallRefusal) -> Self {
        match refusal {
            CallRefusal::WrongServer(this) => Self::WrongServer(this),
            other => Self::Remote(other.into()),
        }
    }
}

pub(super) fn not_done(why: &str) -> CallError {
    CallError::Remote(RemoteError::NotDone(why.to_owned()))
}

fn unknown(why: &str) -> CallError {
    CallError::Remote(RemoteError::Unknown(why.to_owned()))
}

/// Makes pipelined calls on one lane. Any number of tasks may call at once; calls beyond the limit wait.
pub struct Caller {
    sender: Arc<dyn FrameSender>,
    kind: LaneKind,
    clock: Arc<dyn Clock>,
    stamps: Arc<dyn Stamps>,
    room: Semaphore,
    pending: Arc<Pending>,
}

type Answer = oneshot::Sender<Frame>;

/// Calls without an answer so far.
#[derive(Default)]
struct Pending(Mutex<PendingCalls>);

#[derive(Default)]
struct PendingCalls {
    next: u64,
    calls: BTreeMap<u64, Answer>,
    is_closed: bool,
}

impl Pending {
    /// Dropping the senders tells the callers, outside the lock.
    fn close(&self) {
        let mut calls = self.0.lock();
        calls.is_closed = true;
        let broken = std::mem::take(&mut calls.calls);
        drop(calls);
        drop(broken);
    }
}

impl Caller {
    /// The calling side of a lane that has been greeted, and the future that takes in its replies: to be
    /// spawned. When it ends, or is dropped, the lane is closed and every outstanding call is unknown.
    pub fn new(
        lane: Lane,
        kind: LaneKind,
        peer: Party,
        outstanding_max: usize,
        clock: Arc<dyn Clock>,
        stamps: Arc<dyn Stamps>,
    ) -> (Arc<Self>, impl Future<Output = ()> + Send + 'static) {
        let pending = Arc::new(Pending::default());
        let closer = Closer { pending: pending.clone(), sender: lane.sender.clone() };
        let run = take_replies(lane.receiver, kind, peer, closer, stamps.clone());
        let room = Semaphore::new(outstanding_max);
        (Arc::new(Self { sender: lane.sender, kind, clock, stamps, room, pending }), run)
    }

    /// Whether calls can't be made any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.pending.0.lock().is_closed
    }

    /// Makes a call and waits for its reply until `deadline`. Not done: it never left, or was refused. Unknown:
    /// no answer in time, or the lane broke. Dropping the future gives the call up, with an unknown outcome.
    pub async fn call(&self, call: FrameWriter, deadline: Time) -> Result<Frame, CallError> {
        let wanted = call.kind().reply();
        let room = until(&*self.clock, deadline, self.room.acquire());
        let _room = room.await.ok_or_else(|| not_done("too many calls are outstanding"))?;
        let (entry, answer) = Entry::register(&self.pending).ok_or(CallError::LaneClosed)?;
        let stamp = if call.kind().is_stamped() { self.stamps.stamp() } else { Stamp::default() };
        let left = time_left_ms(self.clock.now(), deadline);
        let packet = call
            .finish(entry.request, left, stamp, self.kind.frame_bytes_max())
            .map_err(|e| not_done(&e.to_string()))?;
        match until(&*self.clock, deadline, self.sender.send(packet)).await {
            Some(Ok(())) => {}
            Some(Err(_)) => {
                // At once, not when the reading future gets to it: the next call is to dial anew.
                self.pending.close();
                return Err(CallError::LaneClosed);
            }
            None => return Err(not_done("the lane was full until the deadline")),
        }
        match until(&*self.clock, deadline, answer).await {
            None => Err(unknown("no answer in time")),
            Some(Err(_)) => Err(unknown("the lane broke")),
            Some(Ok(frame)) if frame.kind == wanted => Ok(frame),
            Some(Ok(frame)) if frame.kind == FrameKind::REFUSED => match CallRefusal::decode(&frame.body) {
                Ok(refusal) => Err(refusal.into()),
                Err(e) => Err(unknown(&e.to_string())),
            },
            Some(Ok(_)) => Err(unknown("a reply of the wrong kind")),
        }
    }
}

async fn take_replies(
    mut receiver: Box<dyn FrameReceiver>,
    kind: LaneKind,
    peer: Party,
    closer: Closer,
    stamps: Arc<dyn Stamps>,
) {
    while let Ok(bytes) = receiver.receive().await {
        // Bytes that are no frame break the lane: what follows them can't be told apart.
        let Ok(frame) = Frame::decode(&bytes, kind.frame_bytes_max()) else { break };
        if frame.kind.is_stamped() {
            stamps.seen(peer, frame.stamp);
        }
        let call = closer.pending.0.lock().calls.remove(&frame.request);
        if let Some(call) = call {
            let _ = call.send(frame); // The caller may have given up just now.
        }
    }
}

/// One outstanding call; gone from the table when it is dropped.
struct Entry<'a> {
    request: u64,
    pending: &'a Pending,
}

impl<'a> Entry<'a> {
    fn register(pending: &'a Pending) -> Option<(Self, oneshot::Receiver<Frame>)> {
        let mut calls = pending.0.lock();
        if calls.is_closed {
            return None;
        }
        let (answer, receiver) = oneshot::channel();
        let request = calls.next;
        calls.next += 1;
        calls.calls.insert(request, answer);
        Some((Self { request, pending }, receiver))
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.pending.0.lock().calls.remove(&self.request);
    }
}

/// Closes the lane with the future that reads it.
struct Closer {
    pending: Arc<Pending>,
    sender: Arc<dyn FrameSender>,
}

impl Drop for Closer {
    fn drop(&mut self) {
        self.sender.close();
        self.pending.close();
    }
}
