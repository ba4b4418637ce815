//! Where segments become durable, and where a lost copy is read again.

use crate::Certificate;
use async_trait::async_trait;
use bytes::Bytes;
use rekindle_types::SegmentId;

/// What a segment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SegmentKind {
    /// A head: starts with a digest, is switched by rules H1 to H5.
    Head,
    /// Filled aside, joins the log when a digest names it. Closed on all R before that (H6).
    Side,
}

/// Makes segments durable. Implemented by the replicator, by a local file, by nothing at all.
///
/// Every method may be called while earlier calls for the same segment are pending; calls for one segment
/// take effect in the order in which they were *made* (not polled: the call itself enqueues it). Dropping a
/// returned future cancels nothing: what was asked for goes on to become true. A future may stay pending for
/// as long as backups are missing.
#[async_trait]
pub trait SegmentSink: Send + Sync {
    /// Resolves when the segment, with `first_bytes` (from offset 0) valid by `cert`, is open everywhere it
    /// has to be (all R). `after` is the head before this one, for a head that is not the log's first.
    async fn open(
        &self,
        segment: SegmentId,
        after: Option<SegmentId>,
        kind: SegmentKind,
        first_bytes: Bytes,
        cert: Certificate,
    ) -> Result<(), SinkError>;

    /// Resolves when everything up to `cert.length` is acknowledged (H5). `bytes` continue at `offset`, where
    /// the last append (or the open) ended.
    async fn append(
        &self,
        segment: SegmentId,
        offset: u32,
        bytes: Bytes,
        cert: Certificate,
    ) -> Result<(), SinkError>;

    /// Nothing follows in this segment; `cert` is its last. For a head: resolves when the switch to the next
    /// head is complete (H4), so that the next digest is current. For a side segment: when closed on all R.
    async fn close(&self, segment: SegmentId, cert: Certificate) -> Result<(), SinkError>;

    /// The segment is needed no more. Resolves when no server that is up keeps a replica of it.
    async fn free(&self, segment: SegmentId) -> Result<(), SinkError>;
}

/// What the sink re-reads to re-create a lost replica: no second copy of memory.
///
/// Implemented by the log, attached to the sink after construction and held weakly.
pub trait SegmentSource: Send + Sync {
    /// One version of the segment as it stands now: its bytes up to the certificate. `None` when it has left
    /// the log's memory.
    fn pin(&self, segment: SegmentId) -> Option<(Bytes, Certificate)>;

    /// The head `hurt` lost a replica: allocate the next head now and close this one (H3), unless that
    /// has been done or H1 forbids it yet (then as soon as it allows).
    fn roll(&self, hurt: SegmentId);
}

/// Why a segment can't be made durable. Final for the whole sink: nothing appended since can be vouched for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The master was declared dead, or its floor refused: stop serving.
    #[error("the log is fenced: {0}")]
    Fenced(String),
    /// The device can't vouch for what it holds.
    #[error("the sink is poisoned: {0}")]
    Poisoned(String),
    /// The sink was shut down.
    #[error("the sink is closed")]
    Closed,
}
