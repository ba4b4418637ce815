//! Servers, assembled from their parts.

mod heartbeats;
mod membership;
mod pulse;
mod reports;
mod tasks;

pub use heartbeats::{HeartbeatCounts, Heartbeats};
pub use membership::{Membership, Observer, RemovalHook};
pub use pulse::Pulse;
pub use reports::Reports;
pub use tasks::Tasks;
