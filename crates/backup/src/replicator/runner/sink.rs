//! The log's side of [`Replication`].

use super::{Replication, replication::Waiting, waiters::Until};
use crate::replicator::Event;
use bytes::Bytes;
use rekindle_log::{Certificate, SegmentKind, SegmentSink, SinkError};
use rekindle_types::SegmentId;
use std::{future::Future, pin::Pin};

type Sunk<'a> = Pin<Box<dyn Future<Output = Result<(), SinkError>> + Send + 'a>>;

async fn answered(waiting: Waiting) -> Result<(), SinkError> {
    match waiting {
        Ok(receiver) => receiver.await.unwrap_or(Err(SinkError::Closed)),
        Err(error) => Err(error),
    }
}

/// The calls take effect when they are made, not when their futures are first polled: `async_trait` is
/// therefore written out by hand.
impl SegmentSink for Replication {
    fn open<'a, 'b>(
        &'a self,
        segment: SegmentId,
        after: Option<SegmentId>,
        kind: SegmentKind,
        _first_bytes: Bytes,
        cert: Certificate,
    ) -> Sunk<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        let event = Event::Open { segment, after, kind, cert };
        Box::pin(answered(self.enqueue(event, segment, Until::Opened)))
    }

    fn append<'a, 'b>(
        &'a self,
        segment: SegmentId,
        _offset: u32,
        _bytes: Bytes,
        cert: Certificate,
    ) -> Sunk<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        let until = Until::Acknowledged(cert.length);
        Box::pin(answered(self.enqueue(Event::Append { segment, cert }, segment, until)))
    }

    fn close<'a, 'b>(&'a self, segment: SegmentId, cert: Certificate) -> Sunk<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(answered(self.enqueue(Event::Close { segment, cert }, segment, Until::Closed)))
    }

    fn free<'a, 'b>(&'a self, segment: SegmentId) -> Sunk<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(answered(self.enqueue(Event::Free { segment }, segment, Until::Freed)))
    }
}
