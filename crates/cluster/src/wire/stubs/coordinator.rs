//! The coordinator elsewhere.

use super::unreadable;
use crate::wire::{FrameKind, LaneKind, Party, Peer, Peers, codec};
use async_trait::async_trait;
use rekindle_types::{CoordinatorApi, RemoteError, Reply, Request};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Calls whichever of the coordinator's addresses answers, beginning with the one that answered last.
pub struct RemoteCoordinator {
    peers: Arc<Peers>,
    addresses: Vec<Peer>,
    /// Index of the address that answered last. Written and read by all callers; only a guess, so relaxed.
    last: AtomicUsize,
    renew_timeout: Duration,
    call_timeout: Duration,
}

impl RemoteCoordinator {
    /// `renew_timeout` bounds renewals, `call_timeout` everything else, each over all addresses.
    #[must_use]
    pub fn new(
        peers: Arc<Peers>,
        addresses: impl IntoIterator<Item = String>,
        renew_timeout: Duration,
        call_timeout: Duration,
    ) -> Self {
        let peer = |address| Peer { party: Party::Coordinator, address, name: None };
        let addresses = addresses.into_iter().map(peer).collect();
        Self { peers, addresses, last: AtomicUsize::new(0), renew_timeout, call_timeout }
    }
}

#[async_trait]
impl CoordinatorApi for RemoteCoordinator {
    async fn call(&self, request: Request) -> Result<Reply, RemoteError> {
        let (lane, timeout) = match request {
            Request::Renew { .. } => (LaneKind::Heartbeat, self.renew_timeout),
            _ => (LaneKind::Control, self.call_timeout),
        };
        let deadline = self.peers.now() + timeout;
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
