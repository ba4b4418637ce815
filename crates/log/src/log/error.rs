//! What a log refuses, and what to do about it.

use crate::SinkError;

/// Why a call to a log failed. Nothing was appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// Free something: what is alive is as much as may be.
    #[error("the log is full: {segments} segments in use")]
    Full {
        /// Segments in use.
        segments: u32,
    },
    /// Two heads wait behind the current one (H1), the head is hurt, or memory is full of what a cleaner will give back:
    /// try again soon.
    #[error("busy: {waiting} heads wait for their switch")]
    Busy {
        /// Heads behind the current one.
        waiting: usize,
    },
    /// Will never fit.
    #[error("{what} of {bytes} bytes, at most {max}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// As given.
        bytes: usize,
        /// At most.
        max: usize,
    },
    /// The entries of one append must share one key hash (H7).
    #[error("entries of different keys in one append")]
    MixedKeys,
    /// Nothing appended since the last acknowledgement can be vouched for: stop serving.
    #[error(transparent)]
    Sink(#[from] SinkError),
}
