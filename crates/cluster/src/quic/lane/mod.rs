//! Lanes: bidirectional streams.

mod assembly;
mod queue;
mod receiver;
mod sender;
mod writer;

use super::{link::Lease, tasks::Tasks};
use crate::wire::{Lane, LaneKind, Packet};
use queue::Queue;
use quinn::{RecvStream, SendStream};
use receiver::QuicReceiver;
use sender::QuicSender;
use std::{sync::Arc, time::Duration};

/// Makes a lane of a stream; its writer becomes one of `tasks`. The side that dials
/// says `first`, before any frame, which kind it is. `lease` keeps that side's connection
/// in use.
pub(super) fn open(
    streams: (SendStream, RecvStream),
    kind: LaneKind,
    first: Option<Packet>,
    lease: Option<Lease>,
    tasks: &Tasks,
    linger: Duration,
) -> Lane {
    let queue = Arc::new(Queue::new(first));
    tasks.spawn(writer::run(streams.0, queue.clone(), linger));
    let receiver = QuicReceiver::new(streams.1, kind, queue.clone(), lease);
    Lane { sender: Arc::new(QuicSender::new(queue, kind)), receiver: Box::new(receiver) }
}
