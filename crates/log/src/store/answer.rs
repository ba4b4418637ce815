//! Results and what they depend on.

use crate::{Log, LogError};
use rekindle_types::Position;

/// A result that may go out once the log is durable up to `after`: before that a crash could take back what it
/// shows (V3).
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Answer<T> {
    value: T,
    after: Position,
}

impl<T> Answer<T> {
    #[inline]
    pub(super) fn new(value: T, after: Position) -> Self {
        Self { value, after }
    }

    /// What it says; to be shown to nobody before the log is durable up to [`Answer::after`].
    #[inline]
    #[must_use]
    pub fn value(&self) -> &T {
        &self.value
    }

    /// What must be durable.
    #[inline]
    #[must_use]
    pub fn after(&self) -> Position {
        self.after
    }

    /// Both parts, for who waits for many answers at once.
    #[must_use]
    pub fn into_parts(self) -> (T, Position) {
        (self.value, self.after)
    }

    /// Waits until it may go out, holding nothing. Dropping the future cancels only the wait.
    pub async fn durable(self, log: &Log) -> Result<T, LogError> {
        log.sync(self.after).await?;
        Ok(self.value)
    }
}
