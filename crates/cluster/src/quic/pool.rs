//! The connections that this process dials on one track: one to each peer, replaced when it is gone.

use super::{
    QuicLimits,
    connect::connect,
    identity::expected_name,
    lane,
    link::{Lease, Link},
    tasks::Tasks,
};
use crate::{
    quic::address::Address,
    wire::{CallRefusal, Lane, LaneKind, Packet, Peer, Track},
};
use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Either, Shared, select},
};
use parking_lot::Mutex;
use quinn::{ClientConfig, Endpoint};
use std::{collections::BTreeMap, pin::pin, sync::Arc};
use tokio::sync::oneshot;

/// Dials each peer once, whoever asks, and keeps the connection while lanes are open on it.
pub(super) struct Pool {
    track: Track,
    endpoint: Endpoint,
    config: ClientConfig,
    limits: QuicLimits,
    tasks: Arc<Tasks>,
    links: Mutex<Links>,
}

#[derive(Default)]
struct Links {
    dials: u64,
    by_peer: BTreeMap<Key, Entry>,
}

/// Where, and the DNS name that the other end has to prove: another process at the same place is another peer.
type Key = (String, String);
type Dialled = Result<Arc<Link>, CallRefusal>;

/// A connection, or the attempt at one. A task keeps it.
struct Entry {
    dial: u64,
    link: Shared<BoxFuture<'static, Dialled>>,
}

impl Entry {
    /// Whether the attempt is under way, or has led to what can still be used.
    fn is_usable(&self) -> bool {
        self.link.peek().is_none_or(|link| link.as_ref().is_ok_and(|link| link.is_usable()))
    }
}

impl Pool {
    pub(super) fn new(
        track: Track,
        endpoint: Endpoint,
        config: ClientConfig,
        limits: QuicLimits,
        tasks: Arc<Tasks>,
    ) -> Arc<Self> {
        Arc::new(Self { track, endpoint, config, limits, tasks, links: Mutex::default() })
    }

    /// Opens a lane, dialling first if there is no connection.
    pub(super) async fn open(self: &Arc<Self>, peer: &Peer, kind: LaneKind) -> Result<Lane, CallRefusal> {
        let not_done = |why: String| CallRefusal::NotDone(why);
        let address = Address::parse(&peer.address)
            .ok_or_else(|| not_done(format!("{:?} is no address like host:port/port", peer.address)))?
            .for_track(self.track);
        let expected = expected_name(peer).map_err(|e| not_done(e.to_string()))?;
        let link = self.link((address, expected)).await?;
        let lease = Lease::new(link.clone());
        let streams =
            match select(pin!(link.connection.open_bi()), pin!(self.tasks.sleep(self.limits.lane_timeout)))
                .await
            {
                Either::Left((streams, _)) => streams.map_err(|e| not_done(e.to_string()))?,
                Either::Right(_) => return Err(not_done(format!("{} takes no more lanes", peer.address))),
            };
        let first = Packet::raw(Bytes::copy_from_slice(&[kind as u8]));
        Ok(lane::open(streams, kind, Some(first), Some(lease), &self.tasks, self.limits.linger))
    }

    async fn link(self: &Arc<Self>, key: Key) -> Dialled {
        let link = {
            let mut links = self.links.lock();
            match links.by_peer.get(&key) {
                Some(entry) if entry.is_usable() => entry.link.clone(),
                _ => {
                    links.dials += 1;
                    let (dialled, link) = oneshot::channel();
                    let stopped = || CallRefusal::NotDone("the transport is closed".into());
                    let link = link.map(move |link| link.unwrap_or_else(|_| Err(stopped()))).boxed().shared();
                    let entry = Entry { dial: links.dials, link: link.clone() };
                    self.tasks.spawn(self.clone().keep(key.clone(), entry.dial, dialled));
                    links.by_peer.insert(key, entry);
                    link
                }
            }
        };
        link.await
    }

    /// Dials, and looks after the connection until it is gone. A task of its own: a caller who gives up stops nobody
    /// else's dial.
    async fn keep(self: Arc<Self>, key: Key, dial: u64, dialled: oneshot::Sender<Dialled>) {
        let (address, expected) = &key;
        let connecting = connect(&self.endpoint, self.config.clone(), address, expected);
        let connection = tokio::time::timeout(self.limits.handshake_timeout, connecting).await;
        let link = match connection {
            Ok(Ok(connection)) => Link::new(connection),
            failed => {
                self.forget(&key, dial);
                let silent = || CallRefusal::NotDone(format!("{address} does not answer"));
                let refusal =
                    failed.map_or_else(|_| silent(), |refused| refused.err().unwrap_or_else(silent));
                let _ = dialled.send(Err(refusal)); // All callers may have given up.
                return;
            }
        };
        let _ = dialled.send(Ok(link.clone()));
        select(pin!(link.connection.closed()), pin!(link.unused(self.limits.unused))).await;
        self.forget(&key, dial);
        link.connection.close(super::codes::CLOSED, b"unused");
    }

    fn forget(&self, key: &Key, dial: u64) {
        let mut links = self.links.lock();
        if links.by_peer.get(key).is_some_and(|entry| entry.dial == dial) {
            links.by_peer.remove(key);
        }
    }
}
