//! A lane that is listened to.

use async_trait::async_trait;
use bytes::Bytes;
use rekindle_cluster::wire::{Frame, FrameReceiver, FrameSender, Lane, LaneClosed, Packet};
use std::sync::Arc;

/// Hears what passes at one end of a lane.
pub(super) trait Ear: Send + Sync {
    /// A frame is about to be sent.
    fn sends(&self, _: &Frame) {}

    /// It was sent, in the same instant, or later if the lane was full.
    fn sent(&self, _: &Frame) {}

    /// A frame was taken off the wire.
    fn gets(&self, _: &Frame) {}
}

/// Hears nothing.
impl Ear for () {}

pub(super) fn listened(lane: Lane, ear: impl Ear + 'static) -> Lane {
    let ear = Arc::new(ear);
    Lane {
        sender: Arc::new(Sender { inner: lane.sender, ear: ear.clone() }),
        receiver: Box::new(Receiver { inner: lane.receiver, ear }),
    }
}

struct Sender<E> {
    inner: Arc<dyn FrameSender>,
    ear: Arc<E>,
}

#[async_trait]
impl<E: Ear> FrameSender for Sender<E> {
    async fn send(&self, packet: Packet) -> Result<(), LaneClosed> {
        let bytes = packet.into_bytes();
        let frame = frame(&bytes).inspect(|frame| self.ear.sends(frame));
        self.inner.send(Packet::raw(bytes)).await?;
        frame.inspect(|frame| self.ear.sent(frame));
        Ok(())
    }

    fn close(&self) {
        self.inner.close();
    }
}

struct Receiver<E> {
    inner: Box<dyn FrameReceiver>,
    ear: Arc<E>,
}

#[async_trait]
impl<E: Ear> FrameReceiver for Receiver<E> {
    async fn receive(&mut self) -> Result<Bytes, LaneClosed> {
        let bytes = self.inner.receive().await?;
        frame(&bytes).inspect(|frame| self.ear.gets(frame));
        Ok(bytes)
    }
}

fn frame(bytes: &Bytes) -> Option<Frame> {
    Frame::decode(bytes, usize::MAX).ok()
}
