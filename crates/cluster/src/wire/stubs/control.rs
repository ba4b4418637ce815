//! A storage server elsewhere, as the coordinator sees it.

use super::unreadable;
use crate::wire::{CallError, LaneKind, Party, Peer, Peers, codec};
use async_trait::async_trait;
use rekindle_coordinator::{ControlError, Order, OrderKind, Report, ServerControl};
use rekindle_types::ServerId;
use std::{sync::Arc, time::Duration};

/// Sends orders over the control lane, probes over the heartbeat lane.
pub struct RemoteControl {
    peers: Arc<Peers>,
    peer: Peer,
    order_timeout: Duration,
    probe_timeout: Duration,
}

impl RemoteControl {
    /// `probe_timeout` bounds probes, also those for others; `order_timeout` everything else.
    #[must_use]
    pub fn new(peers: Arc<Peers>, peer: Peer, order_timeout: Duration, probe_timeout: Duration) -> Self {
        Self { peers, peer, order_timeout, probe_timeout }
    }
}

#[async_trait]
impl ServerControl for RemoteControl {
    async fn call(&self, order: Order) -> Result<Report, ControlError> {
        let (lane, timeout) = match order.kind {
            OrderKind::Probe => (LaneKind::Heartbeat, self.probe_timeout),
            // The other server waits for as long as a probe takes: twice that for both. F7: it is asked, and asks,
            // on its thread for heartbeats, so that a busy one doesn't pass for a sign of death.
            OrderKind::ProbeFor { .. } => (LaneKind::Heartbeat, self.probe_timeout * 2),
            _ => (LaneKind::Control, self.order_timeout),
        };
        let deadline = self.peers.now() + timeout;
        match self.peers.call(&self.peer, lane, codec::encode_order(&order), deadline).await {
            Ok(reply) => codec::decode_report(&reply.body).map_err(unreadable)?,
            Err(CallError::WrongServer(_)) => Err(ControlError::WrongServer(self.target())),
            Err(error) => Err(ControlError::Remote(error.into())),
        }
    }
}

impl RemoteControl {
    fn target(&self) -> ServerId {
        match self.peer.party {
            Party::Server(id) => id,
            _ => ServerId::default(),
        }
    }
}
