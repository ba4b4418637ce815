//! The sending end of a lane.

use super::queue::Queue;
use crate::wire::{FrameSender, LaneClosed, LaneKind, Packet};
use async_trait::async_trait;
use std::sync::Arc;

/// Queues frames for the lane's writer. Dropping it closes the lane.
pub(super) struct QuicSender {
    queue: Arc<Queue>,
    kind: LaneKind,
}

impl QuicSender {
    pub(super) fn new(queue: Arc<Queue>, kind: LaneKind) -> Self {
        Self { queue, kind }
    }
}

#[async_trait]
impl FrameSender for QuicSender {
    async fn send(&self, packet: Packet) -> Result<(), LaneClosed> {
        assert!(packet.len() <= self.kind.frame_bytes_max(), "senders check the lane's limit");
        self.queue.push(packet).await
    }

    fn close(&self) {
        self.queue.close();
    }
}

impl Drop for QuicSender {
    fn drop(&mut self) {
        self.queue.close();
    }
}
