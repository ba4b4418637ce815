//! Why there is no certificate.

use crate::quic::{CredentialsError, NameError};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Why an authority can't be made, loaded or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// Choose another name for the process.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Load the one that is there, or choose another folder.
    #[error("{path:?} exists: load it, or choose another folder for a new cluster")]
    Exists {
        /// The certificate that is there.
        path: PathBuf,
    },
    /// A file can't be read or written.
    #[error("{path:?}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Keys or certificates can't be made or read.
    #[error("certificates: {0}")]
    Certificate(#[from] rcgen::Error),
    /// What was read does not serve.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

impl AuthorityError {
    pub(super) fn file(path: &Path) -> impl Fn(io::Error) -> Self {
        move |error| Self::File { path: path.to_owned(), error }
    }
}
