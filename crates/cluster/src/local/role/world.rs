//! What every role stands on: threads, the data directory, the network.

use crate::{
    local::{CredentialFiles, NodeConfig},
    quic::{Credentials, QuicConfig, QuicTransport, Threads},
};
use rekindle_env::{
    Env,
    real::{RealConfig, RealEnv, Runtimes},
};
use std::{fs, path::Path, sync::Arc};
use tokio::runtime::Handle;

/// The threads come last: whatever runs on them is dropped before they are joined.
pub(super) struct World {
    pub env: Env,
    pub transport: Arc<QuicTransport>,
    runtimes: Runtimes,
}

impl World {
    /// Opens the directory and listens. An error says what to do.
    pub fn open(config: &NodeConfig) -> Result<Self, String> {
        let credentials = credentials(&config.credentials)?;
        let runtimes = Runtimes::start().map_err(|error| format!("no thread for the network: {error}"))?;
        let (main, urgent) = (runtimes.main(), runtimes.urgent());
        let env = RealEnv::open(&config.dir, main.clone(), urgent.clone(), RealConfig::default())
            .map_err(|error| error.to_string())?;
        let quic = QuicConfig {
            heartbeat_listen: config.heartbeat_listen,
            ..QuicConfig::new(config.listen, credentials)
        };
        let transport =
            QuicTransport::bind(quic, &Threads { main, urgent }).map_err(|error| error.to_string())?;
        Ok(Self { env, transport, runtimes })
    }

    /// The thread of all calls but heartbeats.
    pub fn main(&self) -> Handle {
        self.runtimes.main()
    }
}

/// Reads PEM files.
fn credentials(files: &CredentialFiles) -> Result<Credentials, String> {
    let read = |path: &Path| {
        fs::read_to_string(path)
            .map_err(|error| format!("{path:?} can't be read: {error}: give the path of a PEM file"))
    };
    let (authority, certificate, key) =
        (read(&files.authority)?, read(&files.certificate)?, read(&files.key)?);
    Credentials::from_pem(&authority, &certificate, &key)
        .map_err(|error| format!("{:?}: {error}", files.certificate))
}
