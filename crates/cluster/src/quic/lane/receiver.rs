//! The receiving end of a lane.

use super::{assembly::Assembly, queue::Queue};
use crate::{
    quic::{codes, link::Lease},
    wire::{FrameReceiver, LaneClosed, LaneKind},
};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{FutureExt, select_biased};
use quinn::{RecvStream, VarInt};
use std::sync::Arc;

/// Chunks taken from the stream at once, each of one datagram.
const CHUNKS: usize = 16;

/// Reads frames off a stream. Dropping it closes the lane.
pub(super) struct QuicReceiver {
    stream: RecvStream,
    queue: Arc<Queue>,
    assembly: Assembly,
    chunks: [Bytes; CHUNKS],
    /// Of `chunks`, those from `at` up to `count` are not used up.
    at: usize,
    count: usize,
    /// Held while a lane that this process dialled is open.
    lease: Option<Lease>,
}

impl QuicReceiver {
    pub(super) fn new(stream: RecvStream, kind: LaneKind, queue: Arc<Queue>, lease: Option<Lease>) -> Self {
        let assembly = Assembly::new(kind.frame_bytes_max());
        Self { stream, queue, assembly, chunks: Default::default(), at: 0, count: 0, lease }
    }

    /// The next frame that has arrived whole.
    fn next(&mut self) -> Result<Option<Bytes>, VarInt> {
        while self.at < self.count {
            let chunk = &mut self.chunks[self.at];
            let frame = self.assembly.take(chunk).map_err(|_| codes::BAD_FRAME)?;
            if chunk.is_empty() {
                *chunk = Bytes::new(); // Lets go of the datagram's memory.
                self.at += 1;
            }
            if frame.is_some() {
                return Ok(frame);
            }
        }
        Ok(None)
    }

    /// Reads more; an error is what to tell the other end.
    async fn read(&mut self) -> Result<(), VarInt> {
        let read = select_biased! {
            read = self.stream.read_chunks(&mut self.chunks).fuse() => read,
            () = self.queue.closed().fuse() => return Err(codes::CLOSED),
        };
        match read {
            Ok(Some(count)) => {
                (self.at, self.count) = (0, count);
                if let Some(lease) = &mut self.lease {
                    lease.hear();
                }
                Ok(())
            }
            _ => Err(codes::CLOSED),
        }
    }

    fn close(&mut self, code: VarInt) {
        self.queue.close();
        let _ = self.stream.stop(code); // Its end may have been read: then there is nothing to stop.
    }
}

#[async_trait]
impl FrameReceiver for QuicReceiver {
    async fn receive(&mut self) -> Result<Bytes, LaneClosed> {
        loop {
            let error = match self.next() {
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) => match self.read().await {
                    Ok(()) => continue,
                    Err(code) => code,
                },
                Err(code) => code,
            };
            self.close(error);
            return Err(LaneClosed);
        }
    }
}

impl Drop for QuicReceiver {
    fn drop(&mut self) {
        self.close(codes::CLOSED);
    }
}
