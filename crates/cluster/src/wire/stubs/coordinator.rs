//! The coordinator elsewhere.

use super::unreadable;
use crate::wire::{FrameKind, LaneKind, Party, Peer, Peers, codec};
use async_trait::async_trait;
use rekindle_env::Time;
use rekindle_types::{CoordinatorApi, RemoteError, Reply, Request};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Calls whichever of the coordinator's addresses answers, beginning with the one that answered last.
pub struct RemoteCoordinator {
    peers: Arc<Peers>,
    addresses: Vec<Peer>,
    /// Index of the address that answered last. Written and read by all callers; only a guess, so relaxed.
    last: AtomicUsize,
    /// Reads in a row that stayed without an answer. Only a guess too.
    unanswered: AtomicU32,
    renew_timeout: Duration,
    call_timeout: Duration,
}

/// A read waits so long at first: one lost answer must not hold up everybody who needs the map or the list. Doubles with
/// each in a row that stays unanswered, for maps and networks that need more, up to the time of a call.
const READ_TIMEOUT: Duration = Duration::from_millis(500);

impl RemoteCoordinator {
    /// `renew_timeout` bounds renewals, `call_timeout` everything else, each over all addresses. Reads of the tablet map
    /// and the server list are given up earlier: whoever needs them tries again.
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
            last: AtomicUsize::new(0),
            unanswered: AtomicU32::new(0),
            renew_timeout,
            call_timeout,
        }
    }

    fn read_timeout(&self) -> Duration {
        let doubled = 1 << self.unanswered.load(Ordering::Relaxed).min(10);
        (READ_TIMEOUT * doubled).min(self.call_timeout)
    }
}

#[async_trait]
impl CoordinatorApi for RemoteCoordinator {
    async fn call(&self, request: Request) -> Result<Reply, RemoteError> {
        let (lane, timeout) = match request {
            Request::Renew { .. } => (LaneKind::Heartbeat, self.renew_timeout),
            Request::TabletMap { .. } | Request::ServerList { .. } => return self.read(request).await,
            _ => (LaneKind::Control, self.call_timeout),
        };
        self.try_all(request, lane, self.peers.now() + timeout).await
    }
}

impl RemoteCoordinator {
    async fn read(&self, request: Request) -> Result<Reply, RemoteError> {
        let deadline = self.peers.now() + self.read_timeout();
        let reply = self.try_all(request, LaneKind::Control, deadline).await;
        if reply.is_ok() {
            self.unanswered.store(0, Ordering::Relaxed);
        } else if self.peers.now() >= deadline {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
        }
        reply
    }

    /// Asks one address after the other, until one answers or may have done it.
    async fn try_all(&self, request: Request, lane: LaneKind, deadline: Time) -> Result<Reply, RemoteError> {
        let mut error = RemoteError::NotDone("no coordinator is configured".into());
        let first = self.last.load(Ordering::Relaxed);
        for i in 0..self.addresses.len() {
            let index = (first + i) % self.addresses.len();
            let call = codec::encode_postcard(FrameKind::COORDINATOR, &request);
            match self.peers.call(&self.addresses[index], lane, call, deadline).await {
                Ok(reply) => {
                    self.last.store(index, Ordering::Relaxed);
                    return codec::decode_postcard(&reply.body).map_err(unreadable);
                }
                Err(e) => error = e.into(),
            }
            // Only what was surely not done may be done elsewhere.
            if matches!(error, RemoteError::Unknown(_)) {
                self.last.store(index + 1, Ordering::Relaxed);
                return Err(error);
            }
        }
        // Whoever was asked first may have used all the time up without a word: the next call begins elsewhere.
        self.last.store(first + 1, Ordering::Relaxed);
        Err(error)
    }
}
