//! What may go wrong with a cluster of processes.

use crate::local::{AuthorityError, LaunchError};
use std::{io, time::Duration};

/// Why the cluster can't do that.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// Correct the configuration.
    #[error("{0}")]
    Invalid(String),
    /// Do what the message says.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// Look at the certificates.
    #[error("certificates: {0}")]
    Certificates(#[from] AuthorityError),
    /// Look at the directory or the process.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: String,
        /// What came of it.
        error: io::Error,
    },
    /// It may come yet: give it more time, or look at the coordinator's report.
    #[error("not within {within:?}: {what}")]
    NotInTime {
        /// What was waited for.
        what: String,
        /// How long.
        within: Duration,
    },
    /// Let it go, and start it again; look at what ended it.
    #[error("{name} has ended: {why}; the coordinator saw: {seen}")]
    Ended {
        /// Which process.
        name: String,
        /// Why, in its words.
        why: String,
        /// What the coordinators saw last.
        seen: String,
    },
    /// Start it first.
    #[error("{0} does not run")]
    NotRunning(String),
    /// Kill it first.
    #[error("{0} runs already")]
    Running(String),
}

impl ClusterError {
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::Io { what, error }
    }
}
