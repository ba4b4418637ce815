//! What a running cluster shows from outside, at an instant: what checkers are given.

mod log;
mod looks;
mod record;
mod server;

pub use log::{EntryLook, KeyLook, LogLook};
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

impl Look {
    /// Whether the same servers serve the same as in the other look, and the record is the same one.
    #[must_use]
    pub fn has_owners_of(&self, other: &Self) -> bool {
        let is_same = |one: &ServerLook, other: &ServerLook| {
            one.server == other.server && one.may_serve == other.may_serve && one.tablets == other.tablets
        };
        let is_recorded = match (&self.record, &other.record) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        let mut both = self.servers.iter().zip(&other.servers);
        is_recorded
            && self.servers.len() == other.servers.len()
            && both.all(|(one, other)| is_same(one, other))
    }
}
