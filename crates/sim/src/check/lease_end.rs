//! Does nobody serve what others may serve already?

use rekindle_env::Time;
use rekindle_types::{KeyHash, ServerId, TableId};

/// A master answered a call on an object: it read, wrote, removed, listed, or refused for a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Who.
    pub master: ServerId,
    /// About what.
    pub table: TableId,
    /// And which key.
    pub hash: KeyHash,
    /// When it took the call off the wire and decided, by the world's clock.
    pub decided: Time,
    /// The last renewal that had been answered to it then covers it up to here, whatever its clock shows (F2).
    pub covered_until: Time,
    /// Who owned the key by the coordinator's record then, if that is known.
    pub owner: Option<ServerId>,
}

/// An answer that should not have been given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServedTooLate {
    /// Without a lease.
    #[error("{0:?} was given after the end of the lease")]
    WithoutLease(Answer),
    /// After the coordinator had given the key to another.
    #[error("{0:?} was given when another owned the key")]
    NotTheOwner(Answer),
}

/// Checks one answer.
///
/// # Errors
/// Why it should not have been given.
pub fn check_lease_end(answer: &Answer) -> Result<(), ServedTooLate> {
    if answer.decided > answer.covered_until {
        return Err(ServedTooLate::WithoutLease(*answer));
    }
    match answer.owner {
        Some(owner) if owner != answer.master => Err(ServedTooLate::NotTheOwner(*answer)),
        _ => Ok(()),
    }
}
