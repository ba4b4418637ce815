//! A client of a cluster of processes.

use super::{ClusterError, nodes::Nodes};
use rekindle_client::{Client, ClientConfig};
use rekindle_env::Env;
use std::ops::Deref;
use tokio::runtime::Handle;

/// A connected [`Client`], and the threads that carry its calls. Its calls may be awaited on any executor.
pub struct ClusterClient {
    client: Client,
    env: Env,
    main: Handle,
}

impl ClusterClient {
    pub(super) fn connect(
        _nodes: &Nodes,
        name: &str,
        _coordinator: String,
        _config: ClientConfig,
    ) -> Result<Self, ClusterError> {
        Err(ClusterError::Invalid(format!("{name} has no transport in this build")))
    }

    /// The client: clone it freely, but keep this one as long.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Its clock, its random bits and its threads.
    #[must_use]
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// The thread that carries its calls: tasks spawned there make calls without a hand-over between threads.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.main
    }

    /// Waits for a future of calls, on this thread.
    pub fn block_on<T>(&self, calls: impl Future<Output = T>) -> T {
        self.main.block_on(calls)
    }
}

impl Deref for ClusterClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}
