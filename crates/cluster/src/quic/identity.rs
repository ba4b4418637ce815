//! Names and roles as DNS names of a certificate.

use crate::wire::{Identity, Peer, Role};
use rustls::pki_types::CertificateDer;

/// Longest name: what one label of a DNS name may have.
pub const NAME_BYTES_MAX: usize = 63;

/// Why a name can't stand in a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Give it a name.
    #[error("the name is empty")]
    Empty,
    /// Shorten it.
    #[error("the name {name:?} has {got} bytes, {NAME_BYTES_MAX} is the most")]
    TooLong {
        /// The name.
        name: String,
        /// Its length.
        got: usize,
    },
    /// Choose another one.
    #[error(
        "the name {name:?} holds {character:?}: use small letters, digits and hyphens, no hyphen at either end"
    )]
    Character {
        /// The name.
        name: String,
        /// What may not stand there.
        character: char,
    },
}

/// Checks that `name` can be a label of a DNS name: small letters, digits, inner hyphens, up to 63 of them.
pub fn check_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(NameError::TooLong { name: name.to_owned(), got: name.len() });
    }
    let last = name.chars().count() - 1;
    let is_bad = |(at, c): &(usize, char)| match c {
        'a'..='z' | '0'..='9' => false,
        '-' => *at == 0 || *at == last,
        _ => true,
    };
    match name.chars().enumerate().find(is_bad) {
        Some((_, character)) => Err(NameError::Character { name: name.to_owned(), character }),
        None => Ok(()),
    }
}

fn word(role: Role) -> &'static str {
    match role {
        Role::Server => "server",
        Role::Coordinator => "coordinator",
        Role::Client => "client",
        Role::Admin => "admin",
    }
}

const ROLES: [Role; 4] = [Role::Server, Role::Coordinator, Role::Client, Role::Admin];

/// The DNS names that a certificate of this name and role carries: its own, and its role's.
pub fn dns_names(name: &str, role: Role) -> Result<[String; 2], NameError> {
    check_name(name)?;
    Ok([format!("{name}.{}.rekindle", word(role)), format!("{}.rekindle", word(role))])
}

/// The DNS name that the certificate of this peer has to be valid for.
pub(super) fn expected_name(peer: &Peer) -> Result<String, NameError> {
    let role = peer.party.role();
    match &peer.name {
        Some(name) => dns_names(name, role).map(|[own, _]| own),
        None => Ok(format!("{}.rekindle", word(role))),
    }
}

/// Who a certificate is for, when it names exactly one process and one role. The handshake has verified it.
pub(super) fn identity_of(certificate: &CertificateDer<'_>) -> Option<Identity> {
    let certificate = webpki::EndEntityCert::try_from(certificate).ok()?;
    let names: Vec<&str> = certificate.valid_dns_names().collect();
    // More names would let one process be two.
    let &[own, of_role] = &names[..] else { return None };
    let role = ROLES.into_iter().find(|role| of_role == format!("{}.rekindle", word(*role)))?;
    let name = own.strip_suffix(of_role)?.strip_suffix('.')?;
    check_name(name).ok()?;
    Some(Identity { name: name.to_owned(), role })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_labels() {
        for good in ["a", "s1", "server-1", &"x".repeat(63)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a.b", "*", "a_b", "ä", &"x".repeat(64)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
