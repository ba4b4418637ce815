//! A client of a cluster of processes.

use super::ClusterError;
use crate::{
    local::NodeTimes,
    quic::{Credentials, QuicTransport, Threads},
    wire::{ClusterId, NoStamps, Party, Peers, PeersConfig, RemoteCoordinator, RemoteMasters},
};
use rekindle_client::{Client, ClientConfig, Masters};
use rekindle_env::{
    Env,
    real::{RealConfig, RealEnv, Runtimes},
};
use rekindle_types::CoordinatorApi;
use std::{io, ops::Deref, sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::runtime::Handle;

/// A connected [`Client`], and the threads that carry its calls. Its calls may be awaited on any executor.
///
/// Dropped in this order: the threads last.
pub struct ClusterClient {
    client: Client,
    coordinator: Arc<RemoteCoordinator>,
    masters: Arc<RemoteMasters>,
    env: Env,
    runtimes: Runtimes,
    /// Its world has a directory, as all have. Clients write nothing.
    _place: TempDir,
}

/// What it takes to call a cluster.
pub struct Access {
    /// Which.
    pub cluster: ClusterId,
    /// Where its coordinators may be.
    pub coordinators: Vec<String>,
    /// Who calls: a client, or an operator.
    pub credentials: Credentials,
    /// The cluster's times.
    pub times: NodeTimes,
}

impl ClusterClient {
    /// A client with threads of its own. Calls nobody yet.
    pub fn connect(access: &Access, config: ClientConfig) -> Result<Self, ClusterError> {
        let failed = |what: &str| ClusterError::io(format!("a client: {what}"));
        let place = tempfile::Builder::new().prefix("rekindle-client-").tempdir();
        let place = place.map_err(failed("no temporary directory"))?;
        let runtimes = Runtimes::start().map_err(failed("no thread for the network"))?;
        let (main, urgent) = (runtimes.main(), runtimes.urgent());
        let env = RealEnv::open(place.path(), main.clone(), urgent.clone(), RealConfig::default())
            .map_err(failed("its directory can't be used"))?;
        let transport = QuicTransport::client(&access.credentials, &Threads { main, urgent })
            .map_err(|error| failed("no socket")(io::Error::other(error)))?;
        let peers = PeersConfig::new(access.cluster, Party::Client);
        let peers = Peers::new(peers, env.clone(), transport, Arc::new(NoStamps));
        let (renew, call) = (
            Duration::from_millis(access.times.lease_ms),
            Duration::from_millis(access.times.call_timeout_ms),
        );
        let coordinators = access.coordinators.iter().cloned();
        let coordinator = Arc::new(RemoteCoordinator::new(peers.clone(), coordinators, renew, call));
        let masters = Arc::new(RemoteMasters::new(peers));
        let client = Client::new(config, coordinator.clone(), masters.clone(), env.clone())
            .map_err(|error| ClusterError::Invalid(error.to_string()))?;
        Ok(Self { client, coordinator, masters, env, runtimes, _place: place })
    }

    /// The client: clone it freely, but keep this one as long.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The coordinator that it calls, for what [`Client`] has no words for.
    #[must_use]
    pub fn coordinator(&self) -> Arc<dyn CoordinatorApi> {
        self.coordinator.clone()
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
