//! What a caller can do about a failed call.

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Create the table, or check its name.
    #[error("no table {0}")]
    NoSuchTable(String),
    /// Choose another name, or use the table.
    #[error("table {0:?} exists")]
    TableExists(String),
    /// Correct the call.
    #[error("{0}")]
    Invalid(String),
    /// Memory is full: delete something, or add servers.
    #[error("memory is full")]
    Full,
    /// Use a certificate of this cluster's authority, in a role that may do this. Surely not done.
    #[error("unauthorised: {0}")]
    Unauthorised(String),
    /// The deadline came first. Surely not done: it may be called again.
    #[error("not done in time: {0}")]
    TimedOut(String),
    /// A write whose answer is missing: it may be done or not, or be done later. Read before writing again.
    #[error("outcome unknown: {0}")]
    Unknown(String),
}
