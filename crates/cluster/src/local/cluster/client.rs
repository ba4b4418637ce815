//! A client of a cluster of processes.

use super::{ClusterError, nodes::Nodes};
use crate::{
    quic::{QuicTransport, Threads},
    wire::{NoStamps, Party, Peers, PeersConfig, RemoteCoordinator, RemoteMasters},
};
use rekindle_client::{Client, ClientConfig, Masters};
use rekindle_env::{
    Env,
    real::{RealConfig, RealEnv, Runtimes},
};
use std::{io, ops::Deref, sync::Arc, time::Duration};
use tokio::runtime::Handle;

/// A connected [`Client`], and the threads that carry its calls. Its calls may be awaited on any executor.
///
/// Dropped in this order: the threads last.
pub struct ClusterClient {
    client: Client,
    masters: Arc<RemoteMasters>,
    env: Env,
    runtimes: Runtimes,
}

impl ClusterClient {
    pub(super) fn connect(
        nodes: &Nodes,
        name: &str,
        coordinator: String,
        config: ClientConfig,
    ) -> Result<Self, ClusterError> {
        let failed = |what: &str| ClusterError::io(format!("client {name}: {what}"));
        let credentials = nodes.certificates.client(name)?.credentials()?;
        let runtimes = Runtimes::start().map_err(failed("no thread for the network"))?;
        let (main, urgent) = (runtimes.main(), runtimes.urgent());
        let env = RealEnv::open(&nodes.dir_of(name), main.clone(), urgent.clone(), RealConfig::default())
            .map_err(failed("its directory can't be used"))?;
        let transport = QuicTransport::client(&credentials, &Threads { main, urgent })
            .map_err(|error| failed("no socket")(io::Error::other(error)))?;
        let peers = PeersConfig::new(nodes.cluster, Party::Client);
        let peers = Peers::new(peers, env.clone(), transport, Arc::new(NoStamps));
        let (renew, call) = (
            Duration::from_millis(nodes.config.times.lease_ms),
            Duration::from_millis(nodes.config.times.call_timeout_ms),
        );
        let coordinator = Arc::new(RemoteCoordinator::new(peers.clone(), [coordinator], renew, call));
        let masters = Arc::new(RemoteMasters::new(peers));
        let client = Client::new(config, coordinator, masters.clone(), env.clone())
            .map_err(|error| ClusterError::Invalid(error.to_string()))?;
        Ok(Self { client, masters, env, runtimes })
    }

    /// The client: clone it freely, but keep this one as long.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The masters that it calls, for calls that don't ask the tablet map first.
    #[must_use]
    pub fn masters(&self) -> Arc<dyn Masters> {
        self.masters.clone()
    }

    /// Its clock, its random bits and its threads.
    #[must_use]
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// The thread that carries its calls: tasks spawned there make calls without a hand-over between threads.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.runtimes.main()
    }

    /// Waits for a future of calls, on this thread.
    pub fn block_on<T>(&self, calls: impl Future<Output = T>) -> T {
        self.runtimes.main().block_on(calls)
    }
}

impl Deref for ClusterClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}
