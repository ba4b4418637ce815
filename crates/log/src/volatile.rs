//! A sink that keeps nothing.

use crate::{Certificate, SegmentKind, SegmentSink, SinkError};
use async_trait::async_trait;
use bytes::Bytes;
use rekindle_types::SegmentId;

/// Everything is durable at once, that is: nothing survives the process. For embedding and tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Volatile;

#[async_trait]
impl SegmentSink for Volatile {
    async fn open(
        &self,
        _: SegmentId,
        _: Option<SegmentId>,
        _: SegmentKind,
        _: Bytes,
        _: Certificate,
    ) -> Result<(), SinkError> {
        Ok(())
    }

    async fn append(&self, _: SegmentId, _: u32, _: Bytes, _: Certificate) -> Result<(), SinkError> {
        Ok(())
    }

    async fn close(&self, _: SegmentId, _: Certificate) -> Result<(), SinkError> {
        Ok(())
    }

    async fn free(&self, _: SegmentId) -> Result<(), SinkError> {
        Ok(())
    }
}
