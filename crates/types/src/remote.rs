//! How a remote call fails: the one question that only the transport can answer.

use serde::{Deserialize, Serialize};

/// A remote call without a reply. Only reads and exactly-once calls may be retried after `Unknown`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum RemoteError {
    /// It was surely not done: it never left, or the other side refused it before acting.
    #[error("not done: {0}")]
    NotDone(String),
    /// It may have been done, or be done later.
    #[error("outcome unknown: {0}")]
    Unknown(String),
    /// It was surely not done, and won't be: the other side does not take this process's certificate, or this process
    /// not the other's, or its role does not allow the call.
    #[error("unauthorised: {0}")]
    Unauthorised(String),
}
