//! The network as one process sees it.

use super::{
    Fate,
    network::{Listener, Network, not_done},
    tap::{Message, Passage},
};
use crate::wire::{Accepted, Lane, LaneKind, Peer, Track, Transport};
use async_trait::async_trait;
use rekindle_types::RemoteError;
use std::{sync::Arc, time::Duration};

/// How long a dial takes that nobody answers.
const SILENCE: Duration = Duration::from_secs(30);

/// A process's end of a [`super::MemoryNetwork`].
pub struct MemoryTransport {
    pub(super) network: Arc<Network>,
    pub(super) listener: Arc<Listener>,
}

#[async_trait]
impl Transport for MemoryTransport {
    async fn dial(&self, peer: &Peer, kind: LaneKind) -> Result<Lane, RemoteError> {
        self.tell(peer, kind, Passage::Dialled);
        let connected = self.connect(peer, kind).await;
        if connected.is_err() {
            self.tell(peer, kind, Passage::NotConnected);
        }
        connected
    }

    async fn accept(&self, track: Track) -> Option<Accepted> {
        self.listener.accept(track).await
    }
}

impl MemoryTransport {
    async fn connect(&self, peer: &Peer, kind: LaneKind) -> Result<Lane, RemoteError> {
        match self.network.weather.fate(&self.listener.end.address, &peer.address, kind, 0) {
            Fate::Deliver { after } | Fate::Twice { after, .. } => self.network.clock.sleep(after).await,
            Fate::Lose => {
                self.network.clock.sleep(SILENCE).await;
                return Err(not_done("no answer"));
            }
            Fate::Reset | Fate::Break { .. } => return Err(not_done("reset")),
        }
        self.network.connect(&self.listener, peer, kind)
    }

    fn tell(&self, peer: &Peer, lane: LaneKind, passage: Passage) {
        let (from, to) = (&*self.listener.end.address, &*peer.address);
        self.network.tap.message(&Message { from, to, lane, stream: 0, place: 0, frame: &[], passage });
    }
}
