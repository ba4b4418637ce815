//! The coordinator elsewhere.

use super::unreadable;
use crate::wire::{CallError, Frame, FrameKind, LaneKind, Party, Peer, Peers, codec};
use async_trait::async_trait;
use parking_lot::Mutex;
use rekindle_env::Time;
use rekindle_types::{CoordinatorApi, RemoteError, Reply, Request};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

/// Calls whichever of the coordinator's addresses answers, beginning with the one that answered last.
pub struct RemoteCoordinator {
    peers: Arc<Peers>,
    addresses: Vec<Peer>,
    found: Mutex<Found>,
    reads: Patience,
    floors: Patience,
    renew_timeout: Duration,
    call_timeout: Duration,
}

/// Where to begin.
#[derive(Clone, Copy, Default)]
struct Found {
    /// An address, modulo their number.
    index: usize,
    /// When one answered last.
    answered: Time,
}

/// How long to wait for what may be asked again: one lost answer, or a lane to a process that is gone, must not hold up
/// everybody who needs the map or the list, nor a log whose head waits for its floor.
struct Patience {
    max: Duration,
    /// How often in a row there was no answer. Only a guess, so relaxed.
    unanswered: AtomicU32,
}

/// Writes wait for a head's floor, and nothing of it is large. What was recorded and not answered in time is found
/// recorded by the next call.
const FLOOR_TIMEOUT_MAX: Duration = Duration::from_secs(2);

impl Patience {
    const FIRST: Duration = Duration::from_millis(500);

    fn up_to(max: Duration) -> Self {
        Self { max, unanswered: AtomicU32::new(0) }
    }

    /// Doubles with each in a row that stays unanswered, for maps, networks and disks that need more.
    fn timeout(&self) -> Duration {
        let doubled = 1 << self.unanswered.load(Ordering::Relaxed).min(10);
        (Self::FIRST * doubled).min(self.max)
    }

    fn answered(&self) {
        self.unanswered.store(0, Ordering::Relaxed);
    }

    fn gave_up(&self) {
        self.unanswered.fetch_add(1, Ordering::Relaxed);
    }
}

impl RemoteCoordinator {
    /// `renew_timeout` bounds renewals, `call_timeout` everything else, each over all addresses. Reads of the tablet map
    /// and the server list are given up earlier, and so are floors: whoever needs them tries again.
    #[must_use]
    pub fn new(
        peers: Arc<Peers>,
        addresses: impl IntoIterator<Item = String>,
        renew_timeout: Duration,
        call_timeout: Duration,
    ) -> Self {
        let peer = |address| Peer { party: Party::Coordinator, address, name: None };
        let addresses = addresses.into_iter().map(peer).collect();
        Self {
            peers,
            addresses,
            found: Mutex::default(),
            reads: Patience::up_to(call_timeout),
            floors: Patience::up_to(call_timeout.min(FLOOR_TIMEOUT_MAX)),
            renew_timeout,
            call_timeout,
        }
    }
}

#[async_trait]
impl CoordinatorApi for RemoteCoordinator {
    async fn call(&self, request: Request) -> Result<Reply, RemoteError> {
        let (lane, timeout) = match request {
            Request::Renew { .. } => (LaneKind::Heartbeat, self.renew_timeout),
            Request::TabletMap { .. } | Request::ServerList { .. } => {
                return self.call_briefly(request, &self.reads).await;
            }
            Request::StoreFloor { .. } => return self.call_briefly(request, &self.floors).await,
            _ => (LaneKind::Control, self.call_timeout),
        };
        self.try_all(request, lane, self.peers.now() + timeout).await
    }
}

impl RemoteCoordinator {
    async fn call_briefly(&self, request: Request, patience: &Patience) -> Result<Reply, RemoteError> {
        let deadline = self.peers.now() + patience.timeout();
        let reply = self.try_all(request, LaneKind::Control, deadline).await;
        if reply.is_ok() {
            patience.answered();
        } else if self.peers.now() >= deadline {
            patience.gave_up();
        }
        reply
    }

    /// Asks one address after the other, until one answers or may have done it.
    async fn try_all(&self, request: Request, lane: LaneKind, deadline: Time) -> Result<Reply, RemoteError> {
        let mut error = RemoteError::NotDone("no coordinator is configured".into());
        let (begun, first) = (self.peers.now(), self.found.lock().index);
        for index in first..first + self.addresses.len() {
            let index = index % self.addresses.len();
            match self.ask(&self.addresses[index], &request, lane, deadline).await {
                Ok(reply) => {
                    *self.found.lock() = Found { index, answered: self.peers.now() };
                    return codec::decode_postcard(&reply.body).map_err(unreadable);
                }
                Err(e) => error = e.into(),
            }
            // Only what was surely not done may be done elsewhere.
            if matches!(error, RemoteError::Unknown(_)) {
                self.begin_at(index + 1, begun);
                return Err(error);
            }
            if self.peers.now() >= deadline {
                break;
            }
        }
        // Whoever was asked first may have used all the time up without a word: the next call begins elsewhere.
        self.begin_at(first + 1, begun);
        Err(error)
    }

    /// A lane that broke while nobody looked says nothing of who is there now: it is dialled once more.
    async fn ask(
        &self,
        address: &Peer,
        request: &Request,
        lane: LaneKind,
        deadline: Time,
    ) -> Result<Frame, CallError> {
        let call = || codec::encode_postcard(FrameKind::COORDINATOR, request);
        match self.peers.call(address, lane, call(), deadline).await {
            Err(CallError::LaneClosed) => self.peers.call(address, lane, call(), deadline).await,
            answer => answer,
        }
    }

    /// Unless anybody has had an answer since the call was begun that had none: that tells more.
    fn begin_at(&self, index: usize, begun: Time) {
        let mut found = self.found.lock();
        if found.answered <= begun {
            found.index = index % self.addresses.len().max(1);
        }
    }
}
