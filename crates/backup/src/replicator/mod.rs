//! A master's segments on R backups.
//!
//! [`Replicator`] decides: a state machine per segment that knows what should be true (open, bytes, closed,
//! freed, on R distinct backups), what each replica has acknowledged, and asks for calls until they agree. It
//! deals in lengths and certificates, never in bytes, holds no timer and does no I/O. [`Replication`] does: it
//! drives the calls, and is the log's `SegmentSink`.
//!
//! Limits: at most [`ReplicatorConfig::calls_per_backup_max`] calls in flight per backup, half of them for
//! copies of lost replicas and a quarter for frees; one write in flight per replica; at most
//! [`ReplicatorConfig::recreations_max`] segments being restored at once.

mod actions;
mod answers;
mod backups;
#[cfg(feature = "testing")]
mod canon;
mod config;
mod events;
mod heads;
mod machine;
mod placement;
mod plan;
mod replica;
mod runner;
mod segment;
mod stats;
mod switch;

pub use actions::{Action, FreeCall, WriteCall};
pub use config::{ReplicatorConfig, ReplicatorConfigError};
pub use events::{CallId, Candidate, Domain, Event, FloorOutcome, Outcome, Refusal};
pub use machine::Replicator;
pub use runner::{FloorError, FloorKeeper, Replication};
pub use stats::{KnownHead, KnownReplica, ReplicationStats, TooFewBackups};
