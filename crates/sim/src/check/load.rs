//! Is nothing given to a recovery of a replica that is damaged?

use rekindle_types::ReplicaId;

/// A backup answered a recovery's load with bytes, not with a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadAnswer {
    /// Of which replica.
    pub replica: ReplicaId,
    /// Whether all of it was on the disk as it was written when the reading may have begun.
    pub is_whole: bool,
}

/// Entries of a damaged replica were handed out (T6): what is missing of it passes for what never was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a recovery was given entries of a damaged replica: {0:?}")]
pub struct HandedOut(pub LoadAnswer);

/// Checks one answer, whatever partition it is for.
///
/// # Errors
/// The answer, if it should have been a refusal.
pub fn check_load(answer: &LoadAnswer) -> Result<(), HandedOut> {
    if answer.is_whole { Ok(()) } else { Err(HandedOut(*answer)) }
}
