//! Does everything that is under way come to its end?

use crate::look::{Look, OperationLook, ServerLook};
use rekindle_env::Time;
use rekindle_types::{Position, ServerId};
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
        "the log of {server} is durable up to {durable:?} for {age:?}, not to its end, and nothing was in its way"
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
    call: Duration,
    operations: Standing<OperationLook>,
    /// That are not durable up to their ends.
    logs: Standing<(ServerId, Position)>,
    leaseless: Standing<ServerId>,
    /// Nothing has hindered anything since.
    free_since: Time,
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
        let Patience { step, write, call } = patience;
        let operations = Standing::new(step);
        let (logs, leaseless) = (Standing::new(write), Standing::new(write));
        Self { call, operations, logs, leaseless, free_since: Time(0) }
    }

    /// The longest that anything stood still so far.
    #[must_use]
    pub fn longest(&self) -> Longest {
        let Self { operations, logs, leaseless, .. } = self;
        Longest { step: operations.longest, write: logs.longest, lease: leaseless.longest }
    }

    /// The next look.
    ///
    /// # Errors
    /// What is stuck.
    pub fn see(&mut self, look: &Look) -> Result<(), Stuck> {
        let waits = look.oldest_call.filter(|since| look.at.since(*since) > self.call);
        if let Some(since) = waits {
            return Err(Stuck::Call { since });
        }
        // Without a coordinator nothing is known, and nothing moves.
        let Some(record) = look.record.as_ref().filter(|_| !look.is_hindered) else {
            self.free_since = look.at;
            return Ok(());
        };
        let (at, free_since) = (look.at, self.free_since);
        let operations = record.operations.iter().copied();
        let stuck = |(operation, age)| Stuck::Operation { operation, age };
        self.operations.see(operations, at, free_since).map_err(stuck)?;
        let lags = |server: &&ServerLook| server.end != server.durable && server.may_serve;
        let logs = look.servers.iter().filter(lags).map(|server| (server.server, server.durable));
        let stuck = |((server, durable), age)| Stuck::Log { server, durable, age };
        self.logs.see(logs, at, free_since).map_err(stuck)?;
        // F2, F7: whoever is up renews.
        let lacks = |server: &&ServerLook| !server.may_serve && record.up.contains(&server.server);
        let leaseless = look.servers.iter().filter(lacks).map(|server| server.server);
        let stuck = |(server, age)| Stuck::Lease { server, age };
        self.leaseless.see(leaseless, at, free_since).map_err(stuck)
    }
}

/// What stands still, and since when.
#[derive(Clone, Debug)]
struct Standing<T> {
    patience: Duration,
    since: BTreeMap<T, Time>,
    longest: Duration,
}

impl<T: Copy + Ord> Standing<T> {
    fn new(patience: Duration) -> Self {
        Self { patience, since: BTreeMap::new(), longest: Duration::ZERO }
    }

    /// What there is now, and since when nothing hinders it.
    ///
    /// # Errors
    /// What has stood as it is for too long, and for how long.
    fn see(&mut self, now: impl Iterator<Item = T>, at: Time, free_since: Time) -> Result<(), (T, Duration)> {
        self.since = now.map(|one| (one, self.since.get(&one).copied().unwrap_or(at))).collect();
        let Some((one, since)) = self.since.iter().min_by_key(|(_, since)| **since) else { return Ok(()) };
        let age = at.since(free_since.max(*since));
        self.longest = self.longest.max(age);
        if age > self.patience { Err((*one, age)) } else { Ok(()) }
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
