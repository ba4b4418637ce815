//! Certificates of a cluster's processes and clients.

use super::ClusterError;
use crate::{
    local::{Authority, AuthorityError, CredentialFiles, Issued},
    wire::Role,
};
use std::path::{Path, PathBuf};

/// The cluster's own authority, and what it has issued.
pub(in crate::local) struct Certificates {
    dir: PathBuf,
    authority: Authority,
}

/// The authority's certificate.
const AUTHORITY: &str = "ca.pem";

impl Certificates {
    /// Where they are in a cluster's directory.
    pub fn in_cluster(dir: &Path) -> PathBuf {
        dir.join("certificates")
    }

    /// Loads the authority of this directory, or makes one.
    pub fn of(dir: &Path) -> Result<Self, ClusterError> {
        let is_there = dir.join(AUTHORITY).exists();
        let authority = if is_there { Authority::load(dir)? } else { Authority::create(dir)? };
        Ok(Self { dir: dir.to_owned(), authority })
    }

    /// Files of the certificate of this name, issued when they are not there.
    pub fn files(&self, name: &str, role: Role) -> Result<CredentialFiles, ClusterError> {
        let authority = self.dir.join(AUTHORITY);
        let (certificate, key) =
            (self.dir.join(format!("{name}.pem")), self.dir.join(format!("{name}.key.pem")));
        if certificate.exists() {
            return Ok(CredentialFiles { authority, certificate, key });
        }
        let (certificate, key) = self.authority.issue(name, role)?.save(&self.dir, name)?;
        Ok(CredentialFiles { authority, certificate, key })
    }

    /// What somebody of this name proves itself with.
    pub fn issue(&self, name: &str, role: Role) -> Result<Issued, AuthorityError> {
        self.authority.issue(name, role)
    }
}
