//! What may be wrong with a cluster's directory.

use crate::local::{AuthorityError, ClusterError};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Why a directory can't be used as a cluster's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// Start a cluster there, or name the directory of one.
    #[error("{0:?} does not exist: start a cluster there, or give the directory of one")]
    Missing(PathBuf),
    /// Name another directory.
    #[error(
        "{0:?} is no cluster's directory (there is no cluster.json in it): give the directory of a cluster"
    )]
    NotACluster(PathBuf),
    /// Name another directory: nothing of what is there is touched.
    #[error(
        "{0:?} holds something else (it is not empty, and there is no cluster.json in it): give a new or an empty directory"
    )]
    Occupied(PathBuf),
    /// Repair the file, or name another directory.
    #[error("{path:?} can't be read: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Start a coordinator first.
    #[error("the cluster in {0:?} was never started: start it first")]
    NeverStarted(PathBuf),
    /// Look at the file.
    #[error("{path:?}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Look at the certificates.
    #[error("certificates: {0}")]
    Certificates(#[from] AuthorityError),
    /// Do what the message says.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

impl DirectoryError {
    pub(super) fn file(path: &Path) -> impl Fn(io::Error) -> Self {
        move |error| Self::File { path: path.to_owned(), error }
    }
}
