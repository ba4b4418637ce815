//! What a running cluster shows from outside, at an instant: what checkers are given.

mod looks;
mod record;
mod server;

pub use looks::Looks;
pub use record::{About, OperationLook, Record};
pub use server::{Census, ServerLook};

use rekindle_env::Time;
use std::sync::Arc;

/// Everything at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The world's clock.
    pub at: Time,
    /// What the coordinator in office has on record; `None` while nobody is.
    pub record: Option<Arc<Record>>,
    /// Storage servers that run and have an id.
    pub servers: Vec<ServerLook>,
    /// Whether something is in the cluster's way just now: a fault, a server that is missing.
    pub is_hindered: bool,
    /// When the oldest of the clients' calls began that have not ended.
    pub oldest_call: Option<Time>,
}
