//! The cluster's certificate authority.

use super::{AuthorityError, durable_file};
use crate::{
    quic::{Credentials, dns_names},
    wire::Role,
};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Signs the certificates of one cluster's processes. Who has its key can be anybody in the cluster: keep the folder
/// to yourself.
pub struct Authority {
    certificate_pem: String,
    key: KeyPair,
}

/// A process's certificate and key, as PEM text.
pub struct Issued {
    /// The authority's certificate.
    pub authority_pem: String,
    /// The process's own.
    pub certificate_pem: String,
    /// Its key, in PKCS#8.
    pub key_pem: String,
}

impl Authority {
    const CERTIFICATE: &str = "ca.pem";
    const KEY: &str = "ca.key.pem";
    const NAME: &str = "rekindle authority";

    /// A new authority, in memory.
    pub fn new() -> Result<Self, AuthorityError> {
        let key = KeyPair::generate()?;
        let certificate = Self::params().self_signed(&key)?;
        Ok(Self { certificate_pem: certificate.pem(), key })
    }

    /// A new authority, kept in `ca.pem` and `ca.key.pem` of `dir`, which is made if it does not exist. Refuses to
    /// replace one: every certificate that it signed would be void. A key without a certificate has signed nothing: who
    /// made it was killed, and it is replaced.
    pub fn create(dir: &Path) -> Result<Self, AuthorityError> {
        let authority = Self::new()?;
        let _lock = take(dir)?;
        let certificate = dir.join(Self::CERTIFICATE);
        if certificate.exists() {
            return Err(AuthorityError::Exists { path: certificate });
        }
        write(&dir.join(Self::KEY), &authority.key.serialize_pem(), 0o600)?;
        write(&certificate, &authority.certificate_pem, 0o644)?;
        Ok(authority)
    }

    /// The authority that [`Authority::create`] left in `dir`.
    pub fn load(dir: &Path) -> Result<Self, AuthorityError> {
        let read = |name| {
            let path = dir.join(name);
            fs::read_to_string(&path).map_err(AuthorityError::file(&path))
        };
        let key = KeyPair::from_pem(&read(Self::KEY)?)?;
        Ok(Self { certificate_pem: read(Self::CERTIFICATE)?, key })
    }

    /// Signs a certificate for a process.
    pub fn issue(&self, name: &str, role: Role) -> Result<Issued, AuthorityError> {
        let key = KeyPair::generate()?;
        let certificate = self.sign(name, role, &key)?;
        Ok(Issued {
            authority_pem: self.certificate_pem.clone(),
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }

    fn sign(&self, name: &str, role: Role, key: &KeyPair) -> Result<Certificate, AuthorityError> {
        let mut params = CertificateParams::new(dns_names(name, role)?)?;
        params.distinguished_name = common_name(name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // Members dial and listen; nobody dials the others.
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if matches!(role, Role::Server | Role::Coordinator) {
            params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        Ok(params.signed_by(key, &Issuer::new(Self::params(), &self.key))?)
    }

    /// The same for every authority: verifiers tell them apart by their keys.
    fn params() -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(Self::NAME);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
    }
}

impl Issued {
    /// Ready for a transport.
    pub fn credentials(&self) -> Result<Credentials, AuthorityError> {
        Ok(Credentials::from_pem(&self.authority_pem, &self.certificate_pem, &self.key_pem)?)
    }

    /// Keeps them in `dir`, as `ca.pem`, `<name>.pem` and `<name>.key.pem`, and returns the last two paths. Refuses to
    /// replace a certificate; a key without one was left by who was killed, and is replaced.
    pub fn save(&self, dir: &Path, name: &str) -> Result<(PathBuf, PathBuf), AuthorityError> {
        let _lock = take(dir)?;
        let (certificate, key) = (dir.join(format!("{name}.pem")), dir.join(format!("{name}.key.pem")));
        if certificate.exists() {
            return Err(AuthorityError::Exists { path: certificate });
        }
        let authority = dir.join(Authority::CERTIFICATE);
        if !authority.exists() {
            write(&authority, &self.authority_pem, 0o644)?;
        }
        write(&key, &self.key_pem, 0o600)?;
        write(&certificate, &self.certificate_pem, 0o644)?;
        Ok((certificate, key))
    }

    /// Reads back what [`Issued::save`] has written.
    pub fn load(dir: &Path, name: &str) -> Result<Self, AuthorityError> {
        let read = |name: String| {
            let path = dir.join(name);
            fs::read_to_string(&path).map_err(AuthorityError::file(&path))
        };
        Ok(Self {
            authority_pem: read(Authority::CERTIFICATE.to_owned())?,
            certificate_pem: read(format!("{name}.pem"))?,
            key_pem: read(format!("{name}.key.pem"))?,
        })
    }
}

fn common_name(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

/// Makes the folder if it is not there; others that make certificates in it wait.
fn take(dir: &Path) -> Result<fs::File, AuthorityError> {
    let locked = fs::create_dir_all(dir).and_then(|()| durable_file::lock(dir));
    locked.map_err(AuthorityError::file(dir))
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), AuthorityError> {
    durable_file::write(path, text, mode).map_err(AuthorityError::file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_kept<T>(result: Result<T, AuthorityError>) -> bool {
        matches!(result, Err(AuthorityError::Exists { .. }))
    }

    #[test]
    fn who_was_killed_between_key_and_certificate_leaves_a_directory_of_use() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        fs::write(dir.join(Authority::KEY), "half a k").unwrap();
        let authority = Authority::create(dir).unwrap();
        assert!(is_kept(Authority::create(dir)));

        fs::write(dir.join("one.key.pem"), "half a k").unwrap();
        authority.issue("one", Role::Server).unwrap().save(dir, "one").unwrap();
        let again = Authority::load(dir).unwrap().issue("one", Role::Server).unwrap();
        assert!(is_kept(again.save(dir, "one")));
        Issued::load(dir, "one").unwrap().credentials().unwrap();
    }
}
