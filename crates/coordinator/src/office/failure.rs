//! Why an attempt at a partition failed.

use rekindle_types::Shortage;

/// The attempt is over.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// What an operator needs to know.
    pub reason: String,
    /// Memory was short.
    pub shortage: Option<Shortage>,
}

impl Failure {
    pub fn of(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), shortage: None }
    }

    /// Its master had no memory for it, and began nothing.
    pub fn short_of_memory(reason: String) -> Self {
        Self { reason, shortage: Some(Shortage::default()) }
    }
}
