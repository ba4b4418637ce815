//! One direction of a lane: a bounded queue in time order.

use super::{
    Fate,
    network::{Network, Reach},
    repeats::{self, Repeats},
    tap::{Message, Passage},
};
use crate::wire::{FrameReceiver, FrameSender, LaneClosed, LaneKind, Packet};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::select;
use parking_lot::Mutex;
use rekindle_env::{Clock, Time};
use std::{collections::BTreeMap, pin::pin, sync::Arc, time::Duration};
use tokio::sync::Notify;

/// One end of a lane, as the network knows it.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) address: Arc<str>,
    /// Tells the processes apart that used one address.
    pub(super) process: u64,
}

/// Frames on their way in one direction.
pub(super) struct Pipe {
    stream: u64,
    queue: Mutex<Queue>,
    /// Something arrived, or the pipe closed. One reader.
    arrived: Notify,
    /// A frame was taken, or the pipe closed. Every waiting sender looks again.
    taken: Notify,
    frames_max: usize,
    bytes_max: usize,
}

/// When a frame is there, and its place among those that were queued.
type Place = (Time, u64);

#[derive(Default)]
struct Queue {
    frames: BTreeMap<Place, Bytes>,
    bytes: usize,
    sent: u64,
    last_due: Time,
    is_closed: bool,
}

impl Queue {
    fn insert(&mut self, due: Time, frame: &Bytes) -> Place {
        self.bytes += frame.len();
        self.sent += 1;
        let place = (due, self.sent);
        self.frames.insert(place, frame.clone());
        place
    }
}

impl Pipe {
    pub(super) fn new(stream: u64, frames_max: usize, bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            stream,
            queue: Mutex::default(),
            arrived: Notify::new(),
            taken: Notify::new(),
            frames_max,
            bytes_max,
        })
    }

    /// Queues the frame, unless there is no room. A frame always fits into an empty queue.
    fn push(&self, due: Time, keeps_order: bool, frame: &Bytes) -> Result<Option<Place>, LaneClosed> {
        let mut queue = self.queue.lock();
        if queue.is_closed {
            return Err(LaneClosed);
        }
        if !self.has_room(&queue, frame) && !queue.frames.is_empty() {
            return Ok(None);
        }
        let due = if keeps_order { due.max(queue.last_due) } else { due };
        queue.last_due = queue.last_due.max(due);
        let place = queue.insert(due, frame);
        drop(queue);
        self.arrived.notify_one();
        Ok(Some(place))
    }

    fn has_room(&self, queue: &Queue, frame: &Bytes) -> bool {
        queue.frames.len() < self.frames_max && queue.bytes + frame.len() <= self.bytes_max
    }

    /// The next frame that is due, or the instant when one will be.
    fn pop(&self, now: Time) -> Result<Result<(Place, Bytes), Option<Time>>, LaneClosed> {
        let mut queue = self.queue.lock();
        match queue.frames.first_key_value() {
            Some((&(due, _), _)) if due > now => Ok(Err(Some(due))),
            Some(_) => {
                let (place, frame) =
                    queue.frames.pop_first().expect("the queue was just seen to have a first frame");
                queue.bytes -= frame.len();
                drop(queue);
                self.taken.notify_waiters();
                Ok(Ok((place, frame)))
            }
            None if queue.is_closed => Err(LaneClosed),
            None => Ok(Err(None)),
        }
    }

    /// Queues a frame once more, if there is room. Those behind it may be there before it.
    fn push_again(&self, due: Time, frame: &Bytes) -> Option<Place> {
        let mut queue = self.queue.lock();
        if queue.is_closed || !self.has_room(&queue, frame) {
            return None;
        }
        let place = queue.insert(due, frame);
        drop(queue);
        self.arrived.notify_one();
        Some(place)
    }

    fn close(&self, drops_frames: bool) {
        let mut queue = self.queue.lock();
        queue.is_closed = true;
        if drops_frames {
            queue.frames.clear();
            queue.bytes = 0;
        }
        drop(queue);
        self.arrived.notify_one();
        self.taken.notify_waiters();
    }
}

/// Both directions of a lane and who is at its ends.
pub(super) struct Wire {
    pub(super) network: Arc<Network>,
    pub(super) kind: LaneKind,
    pub(super) from: End,
    pub(super) to: End,
    pub(super) out: Arc<Pipe>,
    pub(super) back: Arc<Pipe>,
}

impl Wire {
    fn close(&self, drops_frames: bool) {
        self.out.close(drops_frames);
        self.back.close(drops_frames);
    }

    /// Tells of a frame to the other end.
    fn tell_sent(&self, place: u64, frame: &[u8], passage: Passage) {
        let (from, to) = (&*self.from.address, &*self.to.address);
        let stream = self.out.stream;
        self.network.tap.message(&Message { from, to, lane: self.kind, stream, place, frame, passage });
    }

    /// Tells of a frame from the other end.
    fn tell_received(&self, place: u64, frame: &[u8]) {
        let (from, to) = (&*self.to.address, &*self.from.address);
        let (stream, passage) = (self.back.stream, Passage::Received);
        self.network.tap.message(&Message { from, to, lane: self.kind, stream, place, frame, passage });
    }

    /// Queues the frame, waiting for room. The instant at which it will be there.
    async fn queue(&self, after: Duration, frame: &Bytes) -> Result<Time, LaneClosed> {
        let network = &self.network;
        loop {
            let taken = self.out.taken.notified();
            let due = network.clock.now() + after;
            if let Some((due, place)) = self.out.push(due, network.weather.keeps_order(), frame)? {
                self.tell_sent(place, frame, Passage::Sent { due });
                return Ok(due);
            }
            taken.await;
        }
    }

    /// Lets a frame that was queued for `due` come again, if the protocol bears that.
    fn repeat(&self, due: Time, later: Duration, frame: &Bytes) {
        let due = match Repeats::of(frame) {
            Repeats::Never => return,
            Repeats::AtOnce => due,
            Repeats::Late => due + later,
        };
        if let Some((due, place)) = self.out.push_again(due, &repeats::again(frame)) {
            self.network.count(|counts| counts.repeated += 1);
            self.tell_sent(place, frame, Passage::Repeated { due });
        }
    }
}

#[async_trait]
impl FrameSender for Wire {
    async fn send(&self, packet: Packet) -> Result<(), LaneClosed> {
        let frame = packet.into_bytes();
        assert!(frame.len() <= self.kind.frame_bytes_max(), "senders check the lane's limit");
        let network = &self.network;
        // Decided once, before waiting for room: a frame that waits keeps its fate.
        let fate = network.weather.fate(&self.from.address, &self.to.address, self.kind, frame.len());
        match network.reach(&self.from, &self.to) {
            Reach::Alive => {}
            Reach::Silent => {
                self.tell_sent(0, &frame, Passage::Unheard);
                return Ok(());
            }
            Reach::Replaced => {
                self.tell_sent(0, &frame, Passage::Reset);
                self.close(true);
                return Err(LaneClosed);
            }
        }
        network.count(|counts| counts.add(fate));
        match fate {
            Fate::Deliver { after } => self.queue(after, &frame).await.map(drop),
            Fate::Twice { after, again } => {
                let due = self.queue(after, &frame).await?;
                self.repeat(due, again.saturating_sub(after), &frame);
                Ok(())
            }
            Fate::Lose => {
                self.tell_sent(0, &frame, Passage::Lost);
                Ok(())
            }
            Fate::Reset => {
                self.tell_sent(0, &frame, Passage::Reset);
                self.close(true);
                Err(LaneClosed)
            }
            Fate::Break { after } => {
                self.queue(after, &frame).await?;
                self.tell_sent(0, &frame, Passage::LaneBroken);
                self.out.close(false);
                self.back.close(true);
                Ok(())
            }
        }
    }

    fn close(&self) {
        // A dead process tells nobody.
        if let Reach::Alive = self.network.reach(&self.from, &self.to) {
            Wire::close(self, false);
        }
    }
}

/// The reading end.
pub(super) struct MemoryReceiver {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) wire: Arc<Wire>,
}

#[async_trait]
impl FrameReceiver for MemoryReceiver {
    async fn receive(&mut self) -> Result<Bytes, LaneClosed> {
        let pipe = &self.wire.back;
        loop {
            let due = match pipe.pop(self.clock.now())? {
                Ok(((_, place), frame)) => {
                    self.wire.tell_received(place, &frame);
                    return Ok(frame);
                }
                Err(due) => due,
            };
            let arrived = pin!(pipe.arrived.notified());
            match due {
                None => arrived.await,
                Some(due) => {
                    select(self.clock.sleep_until(due), arrived).await;
                }
            }
        }
    }
}

impl Drop for MemoryReceiver {
    fn drop(&mut self) {
        FrameSender::close(&*self.wire);
    }
}
