//! Can a call of a replica that comes late do nothing (P3)?

use rekindle_types::{CreationNumber, ReplicaId, ServerId, SessionNumber};

/// A backup answered a call of a replica as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunCall {
    /// Who: `None` when it has no id.
    pub backup: Option<ServerId>,
    /// Of which replica.
    pub replica: ReplicaId,
    /// In which session of the log's master.
    pub session: SessionNumber,
    /// The highest session of that master of which it had answered a call as done before it took this one.
    pub newest_session: Option<SessionNumber>,
    /// The highest creation of that segment of which it had answered a write as done before it took this one. For writes:
    /// to free an older one again does nothing.
    pub newest_creation: Option<CreationNumber>,
}

/// A master sent a call of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentCall {
    /// To whom.
    pub backup: ServerId,
    /// Of which replica.
    pub replica: ReplicaId,
    /// In which session.
    pub session: SessionNumber,
    /// The session of its last call of the same replica to the same backup, if that has no answer: a master makes one at a
    /// time, so it has given that up.
    pub unanswered: Option<SessionNumber>,
}

/// A call that should not have been run, or not been sent so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LateCall {
    /// Its session was over.
    #[error("{0:?} is of a session that was over")]
    OldSession(RunCall),
    /// Another replica is in place of its.
    #[error("{0:?} is of a replica that was replaced")]
    OldCreation(RunCall),
    /// What it repeats may come later, and nothing tells that it is the older one.
    #[error("{0:?} comes in a session in which a call got no answer")]
    SameSession(SentCall),
}

/// Checks a call that was answered as done.
///
/// # Errors
/// Why it should have been refused.
pub fn check_run(call: &RunCall) -> Result<(), LateCall> {
    if call.newest_session.is_some_and(|newest| call.session < newest) {
        return Err(LateCall::OldSession(*call));
    }
    if call.newest_creation.is_some_and(|newest| call.replica.creation < newest) {
        return Err(LateCall::OldCreation(*call));
    }
    Ok(())
}

/// Checks a call that was sent.
///
/// # Errors
/// When its session should have ended before.
pub fn check_sent(call: &SentCall) -> Result<(), LateCall> {
    if call.unanswered.is_some_and(|unanswered| call.session <= unanswered) {
        return Err(LateCall::SameSession(*call));
    }
    Ok(())
}
