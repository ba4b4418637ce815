//! Becoming a member.

use super::StorageConfig;
use crate::wire::{NoStamps, Party, Peers, PeersConfig, RemoteCoordinator, Transport};
use rekindle_env::Env;
use rekindle_types::{CoordinatorApi, Enlisted, Reply, Request};
use std::sync::Arc;

/// Asks the coordinator for an id until it answers.
pub(super) async fn enlist(config: &StorageConfig, env: &Env, transport: &Arc<dyn Transport>) -> Enlisted {
    let peers = PeersConfig { rules: config.rules, ..PeersConfig::new(config.cluster, Party::Newcomer) };
    let peers = Peers::new(peers, env.clone(), transport.clone(), Arc::new(NoStamps));
    let coordinator = coordinator(config, peers);
    let request = Request::Enlist {
        name: config.name.clone(),
        address: config.address.clone(),
        domain: config.domain.clone(),
        // The same in every repeat: the coordinator answers these with the same id.
        incarnation: env.rng.next_u64(),
        former: config.former,
    };
    loop {
        if let Ok(Reply::Enlisted(enlisted)) = coordinator.call(request.clone()).await {
            return enlisted;
        }
        env.clock.sleep(config.retry_after).await;
    }
}

/// The coordinator, as this server calls it.
pub(super) fn coordinator(config: &StorageConfig, peers: Arc<Peers>) -> Arc<dyn CoordinatorApi> {
    let addresses = config.coordinators.iter().cloned();
    Arc::new(RemoteCoordinator::new(peers, addresses, config.lease, config.call_timeout))
}
