//! Log-structured memory: segments, head switch, side logs, index, object store.

pub mod segment;
mod sink;

pub use segment::Certificate;
pub use sink::{SegmentKind, SegmentSink, SegmentSource, SinkError};
