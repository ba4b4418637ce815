//! Does everything that is under way come to its end?

use crate::look::{Look, OperationLook};
use rekindle_coordinator::entity::OperationId;
use rekindle_env::Time;
use rekindle_types::Lsn;
use std::{collections::BTreeMap, time::Duration};

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// A step of an operation, while nothing hinders it.
    pub step: Duration,
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
    /// When each operation was first seen as it is.
    since: BTreeMap<OperationId, (Lsn, Time)>,
    /// Nothing has hindered anything since.
    free_since: Time,
    longest: Duration,
}

impl Progress {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(patience: Patience) -> Self {
        Self { patience, since: BTreeMap::new(), free_since: Time(0), longest: Duration::ZERO }
    }

    /// The longest that an operation stood still with nothing in its way.
    #[must_use]
    pub fn longest(&self) -> Duration {
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
        self.since.retain(|id, _| record.operations.iter().any(|operation| operation.id == *id));
        for operation in &record.operations {
            let seen = self.since.entry(operation.id).or_insert((operation.moved, look.at));
            if seen.0 != operation.moved {
                *seen = (operation.moved, look.at);
            }
            let age = look.at.since(seen.1.max(self.free_since));
            self.longest = self.longest.max(age);
            if age > self.patience.step {
                return Err(Stuck::Operation { operation: *operation, age });
            }
        }
        Ok(())
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
