//! Drives the [`Replicator`](super::Replicator) and is the log's sink.

mod calls;
mod replication;
mod sink;
mod waiters;

pub use calls::{FloorError, FloorKeeper};
pub use replication::Replication;
