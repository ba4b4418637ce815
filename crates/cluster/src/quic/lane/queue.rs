//! What waits to be sent on a lane.

use crate::{
    quic::settings::{QUEUE_BYTES, QUEUE_FRAME_BYTES_MIN},
    wire::{LaneClosed, Packet},
};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};

/// A bounded queue of frames between many senders and one writer, and whether the lane is closed.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    /// Bytes that are left. Closed with the queue: that tells senders who wait.
    room: Semaphore,
    /// The writer has something to do.
    changed: Notify,
    /// Without permits: it is waited on until it is closed, with the whole lane.
    open: Semaphore,
}

#[derive(Default)]
struct Waiting {
    frames: Vec<Packet>,
    charge: usize,
    is_closed: bool,
}

/// Frames that leave together, and what they took up in the queue.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) frames: Vec<Packet>,
    charge: usize,
}

impl Queue {
    /// A queue that begins with a packet of a few bytes, or empty.
    pub(super) fn new(first: Option<Packet>) -> Self {
        let waiting = Waiting { frames: first.into_iter().collect(), ..Waiting::default() };
        Self {
            waiting: Mutex::new(waiting),
            room: Semaphore::new(QUEUE_BYTES),
            changed: Notify::new(),
            open: Semaphore::new(0),
        }
    }

    /// Waits for room, in order. A frame larger than the queue waits until it is empty.
    pub(super) async fn push(&self, packet: Packet) -> Result<(), LaneClosed> {
        let charge = packet.len().clamp(QUEUE_FRAME_BYTES_MIN, QUEUE_BYTES);
        let permits = u32::try_from(charge).expect("a queue is below 4 GiB");
        let room = match self.room.try_acquire_many(permits) {
            Ok(room) => room,
            Err(_) => self.room.acquire_many(permits).await.map_err(|_| LaneClosed)?,
        };
        let mut waiting = self.waiting.lock();
        if waiting.is_closed {
            return Err(LaneClosed);
        }
        room.forget(); // The writer gives it back.
        waiting.charge += charge;
        waiting.frames.push(packet);
        let is_first = waiting.frames.len() == 1;
        drop(waiting);
        if is_first {
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Moves all that waits into `batch`, which is empty. `false` when there will never be anything.
    pub(super) async fn take(&self, batch: &mut Batch) -> bool {
        loop {
            if let Some(has_more) = self.try_take(batch) {
                return has_more;
            }
            self.changed.notified().await;
        }
    }

    fn try_take(&self, batch: &mut Batch) -> Option<bool> {
        let mut waiting = self.waiting.lock();
        if waiting.frames.is_empty() {
            return waiting.is_closed.then_some(false);
        }
        std::mem::swap(&mut batch.frames, &mut waiting.frames);
        batch.charge = std::mem::take(&mut waiting.charge);
        Some(true)
    }

    /// The batch has left: others may take its room.
    pub(super) fn give_back(&self, batch: &mut Batch) {
        self.room.add_permits(std::mem::take(&mut batch.charge));
    }

    /// Takes no more frames. The lane may still be read.
    pub(super) fn close_sending(&self) {
        self.waiting.lock().is_closed = true;
        self.room.close();
        self.changed.notify_one();
    }

    /// Ends the lane in both directions.
    pub(super) fn close(&self) {
        self.close_sending();
        self.open.close();
    }

    /// Resolves when the lane is ended.
    pub(super) async fn closed(&self) {
        let ended = self.open.acquire().await;
        debug_assert!(ended.is_err(), "there are no permits");
    }
}
