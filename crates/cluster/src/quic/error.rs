//! Why a process can't listen.

use super::CredentialsError;
use std::{io, net::SocketAddr};

/// Why an endpoint could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Another process listens there.
    #[error(
        "another process listens at {address} (UDP): stop it, or choose another port; port 0 takes a free one"
    )]
    InUse {
        /// Where.
        address: SocketAddr,
    },
    /// This machine has no such address.
    #[error(
        "{address} is no address of this machine: listen at one of its own, or at 0.0.0.0 for all of them"
    )]
    NotHere {
        /// Where.
        address: SocketAddr,
    },
    /// The user may not.
    #[error("this user may not listen at {address}: choose a port above 1023, or start as another user")]
    NotAllowed {
        /// Where.
        address: SocketAddr,
    },
    /// Listening at all addresses needs a name that others can reach.
    #[error("listening at {address} means every address: set the host under which others reach this process")]
    NoHost {
        /// Where.
        address: SocketAddr,
    },
    /// The two endpoints are on different hosts.
    #[error("{address} and {heartbeat} are different hosts: others reach both under one name")]
    TwoHosts {
        /// The main endpoint.
        address: SocketAddr,
        /// That of heartbeats.
        heartbeat: SocketAddr,
    },
    /// The certificates don't serve.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// Anything else.
    #[error("can't listen at {address}: {error}")]
    Other {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
}

impl BindError {
    pub(super) fn new(address: SocketAddr, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { address },
            io::ErrorKind::AddrNotAvailable => Self::NotHere { address },
            io::ErrorKind::PermissionDenied => Self::NotAllowed { address },
            _ => Self::Other { address, error },
        }
    }
}
