//! Does everything that is under way come to its end?

use crate::look::{Look, OperationLook, Record, ServerLook};
use rekindle_coordinator::entity::OperationId;
use rekindle_env::Time;
use rekindle_types::{Lsn, Position, ServerId};
use std::{collections::BTreeMap, time::Duration};

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// A step of an operation, while nothing hinders it.
    pub step: Duration,
    /// Anything that was written to a log to become durable, and a server that is up on record to have a lease, while
    /// nothing hinders it.
    pub write: Duration,
    /// A client's call, whatever happens.
    pub call: Duration,
}

/// What does not come to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stuck {
    /// An operation has not moved.
    #[error("{operation:?} has not moved for {age:?}, and nothing was in its way")]
    Operation {
        /// Which.
        operation: OperationLook,
        /// For how long.
        age: Duration,
    },
    /// Nothing that is written to a log becomes durable.
    #[error(
        "requests wait for the log of {server}, durable up to {durable:?} for {age:?}, and nothing was in its way"
    )]
    Log {
        /// The master.
        server: ServerId,
        /// Up to where its log is durable.
        durable: Position,
        /// For how long.
        age: Duration,
    },
    /// A server that is up on record may not serve.
    #[error("{server} is up on record, and has no lease for {age:?}, and nothing was in its way")]
    Lease {
        /// Which.
        server: ServerId,
        /// For how long.
        age: Duration,
    },
    /// A client waits for longer than it asked to.
    #[error("a client's call that began at {since:?} has not ended")]
    Call {
        /// Since when.
        since: Time,
    },
}

/// Follows what is under way from look to look.
#[derive(Clone, Debug)]
pub struct Progress {
    patience: Patience,
    operations: Standing<OperationId, Lsn>,
    logs: Standing<ServerId, Position>,
    leaseless: Standing<ServerId, ()>,
    /// Nothing has hindered anything since.
    free_since: Time,
    longest: Longest,
}

/// The longest that anything stood still with nothing in its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Longest {
    /// An operation.
    pub step: Duration,
    /// A log that was not durable up to its end.
    pub write: Duration,
    /// A server without a lease.
    pub lease: Duration,
}

impl Progress {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(patience: Patience) -> Self {
        Self {
            patience,
            operations: Standing::default(),
            logs: Standing::default(),
            leaseless: Standing::default(),
            free_since: Time(0),
            longest: Longest::default(),
        }
    }

    /// The longest that anything stood still so far.
    #[must_use]
    pub fn longest(&self) -> Longest {
        self.longest
    }

    /// The next look.
    ///
    /// # Errors
    /// What is stuck.
    pub fn see(&mut self, look: &Look) -> Result<(), Stuck> {
        let waits = look.oldest_call.filter(|since| look.at.since(*since) > self.patience.call);
        if let Some(since) = waits {
            return Err(Stuck::Call { since });
        }
        // Without a coordinator nothing is known, and nothing moves.
        let Some(record) = look.record.as_ref().filter(|_| !look.is_hindered) else {
            self.free_since = look.at;
            return Ok(());
        };
        self.see_operations(look.at, record)?;
        self.see_logs(look.at, &look.servers)?;
        self.see_leases(look.at, record, &look.servers)
    }

    fn see_operations(&mut self, at: Time, record: &Record) -> Result<(), Stuck> {
        self.operations.keep(|id| record.operations.iter().any(|operation| operation.id == *id));
        for operation in &record.operations {
            let since = self.operations.since(operation.id, operation.moved, at);
            let age = at.since(since.max(self.free_since));
            self.longest.step = self.longest.step.max(age);
            if age > self.patience.step {
                return Err(Stuck::Operation { operation: *operation, age });
            }
        }
        Ok(())
    }

    fn see_logs(&mut self, at: Time, servers: &[ServerLook]) -> Result<(), Stuck> {
        let waits = |server: &&ServerLook| server.end != server.durable && server.may_serve;
        self.logs.keep(|id| servers.iter().filter(waits).any(|server| server.server == *id));
        for &ServerLook { server, durable, .. } in servers.iter().filter(waits) {
            let since = self.logs.since(server, durable, at);
            let age = at.since(since.max(self.free_since));
            self.longest.write = self.longest.write.max(age);
            if age > self.patience.write {
                return Err(Stuck::Log { server, durable, age });
            }
        }
        Ok(())
    }

    /// F2, F7: whoever is up renews.
    fn see_leases(&mut self, at: Time, record: &Record, servers: &[ServerLook]) -> Result<(), Stuck> {
        let lacks = |server: &&ServerLook| !server.may_serve && record.up.contains(&server.server);
        self.leaseless.keep(|id| servers.iter().filter(lacks).any(|server| server.server == *id));
        for &ServerLook { server, .. } in servers.iter().filter(lacks) {
            let since = self.leaseless.since(server, (), at);
            let age = at.since(since.max(self.free_since));
            self.longest.lease = self.longest.lease.max(age);
            if age > self.patience.write {
                return Err(Stuck::Lease { server, age });
            }
        }
        Ok(())
    }
}

/// When each was first seen as it is.
#[derive(Clone, Debug)]
struct Standing<K, V>(BTreeMap<K, (V, Time)>);

impl<K, V> Default for Standing<K, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord, V: Copy + PartialEq> Standing<K, V> {
    fn keep(&mut self, is_there: impl Fn(&K) -> bool) {
        self.0.retain(|key, _| is_there(key));
    }

    fn since(&mut self, key: K, value: V, at: Time) -> Time {
        let seen = self.0.entry(key).or_insert((value, at));
        if seen.0 != value {
            *seen = (value, at);
        }
        seen.1
    }
}

/// Checks a series of looks.
///
/// # Errors
/// What was stuck first.
pub fn check_progress<'a>(
    looks: impl IntoIterator<Item = &'a Look>,
    patience: Patience,
) -> Result<(), Stuck> {
    let mut progress = Progress::new(patience);
    looks.into_iter().try_for_each(|look| progress.see(look))
}
