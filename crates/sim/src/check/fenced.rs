//! Does no backup take calls of a master that is dead to it (F1)?

use rekindle_env::Time;
use rekindle_types::{ReplicaId, ServerId};

/// A backup answered an open, a write, a close or a free of a replica as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaAnswer {
    /// Who: `None` before the coordinator has answered that process's enlistment with the list that has it.
    pub backup: Option<ServerId>,
    /// Of which replica.
    pub replica: ReplicaId,
    /// When it took the call off the wire.
    pub taken: Time,
    /// Before that it had answered the question for this log's inventory, or had sent something under a list in which the
    /// log's master is dead: since when, if it had.
    pub fenced: Option<Time>,
    /// Before that it had sent something under a list in which it is dead itself: since when, if it had.
    pub removed: Option<Time>,
}

/// An answer that should have been a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfenced {
    /// A recovery may know nothing of what it did.
    #[error("{0:?} was given to a master that was fenced there")]
    DeadMaster(ReplicaAnswer),
    /// It can't know who is dead.
    #[error("{0:?} was given without a list that has the backup")]
    NoList(ReplicaAnswer),
    /// Nobody counts what it holds.
    #[error("{0:?} was given by a backup that knows that it is dead")]
    DeadBackup(ReplicaAnswer),
}

/// Checks one answer.
///
/// # Errors
/// Why the call should have been refused.
pub fn check_fenced(answer: &ReplicaAnswer) -> Result<(), Unfenced> {
    if answer.backup.is_none() {
        return Err(Unfenced::NoList(*answer));
    }
    if answer.removed.is_some() {
        return Err(Unfenced::DeadBackup(*answer));
    }
    if answer.fenced.is_some() {
        return Err(Unfenced::DeadMaster(*answer));
    }
    Ok(())
}
