//! A coordinator, as its process holds it.

use super::{CoordinatorServerConfig, Tasks, reach::Reach};
use crate::wire::{
    Gate, Party, Peer, Peers, PeersConfig, RemoteBackup, RemoteControl, ServeConfig, Services, Transport,
    serve,
};
use futures_util::future::{Either, select};
use rekindle_backup::BackupStore;
use rekindle_coordinator::{
    ConfigError, Coordinator, Event, MetaLog, NoObserver, Observer, ServerControl, Servers,
};
use rekindle_env::{Env, Time};
use rekindle_types::{ServerEntry, Term};
use std::{
    pin::pin,
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};
use tokio::sync::oneshot;

/// One reign over a cluster, from opening the meta log to its end. Dropping it is a crash: start another on the
/// same meta log, and it goes on.
pub struct CoordinatorServer {
    tasks: Arc<Tasks>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Set once, when in office.
    coordinator: OnceLock<Arc<Coordinator>>,
    /// Set once, when the reign is over, or did not begin.
    ended: OnceLock<String>,
}

impl CoordinatorServer {
    /// Starts it: opens the meta log, takes office, answers calls.
    pub fn start(
        config: CoordinatorServerConfig,
        env: Env,
        transport: Arc<dyn Transport>,
        meta: Arc<dyn MetaLog>,
    ) -> Result<Self, ConfigError> {
        Self::start_observed(config, env, transport, meta, Arc::new(NoObserver))
    }

    /// Starts it, and tells `observer` what happens.
    pub fn start_observed(
        config: CoordinatorServerConfig,
        env: Env,
        transport: Arc<dyn Transport>,
        meta: Arc<dyn MetaLog>,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, ConfigError> {
        config.coordinator.validate()?;
        let tasks = Arc::new(Tasks::new(&env));
        let shared = Arc::new(Shared::default());
        let (owner, state) = (Arc::downgrade(&tasks), shared.clone());
        tasks.start("reign", async move {
            let ended = reign(config, env, transport, meta, observer, owner.clone(), &state).await;
            let _ = state.ended.set(ended);
            // Nobody is answered any more: clients look for the next coordinator.
            owner.upgrade().inspect(|tasks| tasks.stop());
        });
        Ok(Self { tasks, shared })
    }

    /// The coordinator, once in office: for inspection, and for an operator's word.
    #[must_use]
    pub fn coordinator(&self) -> Option<Arc<Coordinator>> {
        self.shared.coordinator.get().cloned()
    }

    /// Its reign, once in office.
    #[must_use]
    pub fn term(&self) -> Option<Term> {
        self.shared.coordinator.get().map(|coordinator| coordinator.term())
    }

    /// Why the reign is over, if it is.
    #[must_use]
    pub fn ended(&self) -> Option<String> {
        self.shared.ended.get().cloned()
    }

    /// Stops it. What is recorded is recorded: a clean stop and a crash differ in nothing. When it returns, nothing
    /// of it uses the meta log any more.
    pub async fn shutdown(self) {
        self.tasks.stopped().await;
    }
}

impl Drop for CoordinatorServer {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

/// Reigns, and says why that ended.
async fn reign(
    config: CoordinatorServerConfig,
    env: Env,
    transport: Arc<dyn Transport>,
    meta: Arc<dyn MetaLog>,
    observer: Arc<dyn Observer>,
    tasks: Weak<Tasks>,
    shared: &Shared,
) -> String {
    let rules = config.coordinator.rules;
    let reach = Arc::new(Reach::default());
    let peers = PeersConfig { rules, ..PeersConfig::new(config.cluster, Party::Coordinator) };
    let peers = Peers::new(peers, env.clone(), transport.clone(), reach.clone());
    let times = config.coordinator.times;
    let servers = RemoteServers {
        peers: peers.clone(),
        call_timeout: times.call_deadline,
        probe_timeout: times.probe_timeout,
    };
    let observer = ClosesLanes { peers: Arc::downgrade(&peers), next: observer };
    let opened =
        Coordinator::open(config.coordinator, env.clock.clone(), meta, Arc::new(servers), Arc::new(observer));
    let coordinator = match opened.await {
        Ok(coordinator) => coordinator,
        Err(error) => return error.to_string(),
    };
    reach.set(&coordinator);
    let gate = Arc::new(Gate::new(config.cluster, Party::Coordinator, reach.clone(), rules));
    let services = Services { coordinator: Some(coordinator.clone()), ..Services::default() };
    let lanes = serve(env, transport, gate, services, reach, ServeConfig::default());
    let Some(tasks) = tasks.upgrade() else { return "stopped".into() };
    let (open, closed) = oneshot::channel::<()>();
    tasks.start("lanes", async move {
        lanes.await;
        drop(open);
    });
    tasks.start_urgent("vigil", coordinator.clone().watch());
    drop(tasks);
    let _ = shared.coordinator.set(coordinator.clone());
    // F8: whom nobody can reach has nobody to declare dead.
    match select(pin!(coordinator.run()), closed).await {
        Either::Left((stopped, _)) => stopped.to_string(),
        Either::Right(_) => "its network has failed: start it again".into(),
    }
}

/// Stubs of the cluster's servers.
struct RemoteServers {
    peers: Arc<Peers>,
    call_timeout: Duration,
    probe_timeout: Duration,
}

impl Servers for RemoteServers {
    fn control(&self, server: &ServerEntry) -> Arc<dyn ServerControl> {
        Arc::new(RemoteControl::new(
            self.peers.clone(),
            Peer::of(server),
            self.call_timeout,
            self.probe_timeout,
        ))
    }

    fn store(&self, server: &ServerEntry) -> Arc<dyn BackupStore> {
        Arc::new(RemoteBackup::new(
            self.peers.clone(),
            Peer::of(server),
            self.call_timeout,
            self.call_timeout,
        ))
    }
}

/// Closes the lanes to servers that are dead.
struct ClosesLanes {
    peers: Weak<Peers>,
    next: Arc<dyn Observer>,
}

impl Observer for ClosesLanes {
    fn observe(&self, at: Time, event: &Event) {
        if let Event::Fenced(server) = event {
            self.peers.upgrade().inspect(|peers| peers.forget(*server));
        }
        self.next.observe(at, event);
    }
}
