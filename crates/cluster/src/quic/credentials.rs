//! What a process proves itself with.

use super::identity::identity_of;
use crate::wire::Identity;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::fmt;

/// The cluster's authority, a certificate that it signed, and that certificate's key.
pub struct Credentials {
    pub(super) authority: CertificateDer<'static>,
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    identity: Identity,
}

/// Why credentials don't serve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The text is no PEM of what it should be.
    #[error("no {what} can be read from the PEM text: {why}")]
    Pem {
        /// What was looked for.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The certificate is not one of a process of a cluster.
    #[error(
        "the certificate names no process: it needs the DNS names `<name>.<role>.rekindle` and `<role>.rekindle`, \
         in this order, and no others"
    )]
    NoIdentity,
    /// Key and certificate don't fit, or TLS refuses them otherwise.
    #[error("certificate, key and authority don't serve: {0}")]
    Tls(String),
}

impl Credentials {
    /// From DER: the authority's certificate, the process's own chain, its key in PKCS#8.
    pub fn new(
        authority: CertificateDer<'static>,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, CredentialsError> {
        let identity = chain.first().and_then(identity_of).ok_or(CredentialsError::NoIdentity)?;
        Ok(Self { authority, chain, key, identity })
    }

    /// From the PEM text of the authority's certificate, of the process's own chain and of its key.
    pub fn from_pem(authority: &str, chain: &str, key: &str) -> Result<Self, CredentialsError> {
        let bad =
            |what| move |e: rustls::pki_types::pem::Error| CredentialsError::Pem { what, why: e.to_string() };
        let authority = CertificateDer::from_pem_slice(authority.as_bytes())
            .map_err(bad("certificate of the authority"))?;
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(bad("certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(bad("private key"))?;
        Self::new(authority, chain, key)
    }

    /// Who they prove one to be.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }
}

impl Clone for Credentials {
    fn clone(&self) -> Self {
        Self {
            authority: self.authority.clone(),
            chain: self.chain.clone(),
            key: self.key.clone_key(),
            identity: self.identity.clone(),
        }
    }
}

impl fmt::Debug for Credentials {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("identity", &self.identity).finish_non_exhaustive()
    }
}
