//! Becoming a member.

use super::{StorageConfig, StorageEnd, storage::Shared};
use crate::wire::{NoStamps, Party, Peers, PeersConfig, RemoteCoordinator, Transport};
use rekindle_env::Env;
use rekindle_types::{CoordinatorApi, Enlisted, Former, Refusal, Reply, Request};
use std::{sync::Arc, time::Duration};

/// Asks the coordinator for an id until it answers. `former` is the id that the data had before.
pub(super) async fn enlist(
    config: &StorageConfig,
    env: &Env,
    transport: &Arc<dyn Transport>,
    former: Option<Former>,
    shared: &Shared,
) -> Result<Enlisted, StorageEnd> {
    let peers = PeersConfig { rules: config.rules, ..PeersConfig::new(config.cluster, Party::Newcomer) };
    let peers = Peers::new(peers, env.clone(), transport.clone(), Arc::new(NoStamps));
    let coordinator = coordinator(config, peers);
    // The same in every repeat: the coordinator answers these with the same id.
    let mut incarnation = env.rng.next_u64();
    loop {
        let request = Request::Enlist {
            name: config.name.clone(),
            address: config.address.clone(),
            domain: config.domain.clone(),
            incarnation,
            former,
        };
        let mut pause = config.retry_after;
        let why = match coordinator.call(request).await {
            Ok(Reply::Enlisted(enlisted)) => return Ok(enlisted),
            Ok(Reply::Refused(Refusal::Retry { after_ms, reason })) => {
                pause = pause.max(Duration::from_millis(after_ms.into()));
                reason
            }
            // An answer that was lost gave it an id, which was declared dead before the repeat came.
            Ok(Reply::Refused(refusal @ Refusal::NotInCluster(_))) => {
                incarnation = env.rng.next_u64();
                refusal.to_string()
            }
            Ok(Reply::Refused(refusal)) => return Err(StorageEnd::Refused(refusal)),
            Ok(other) => format!("an answer to something else: {other:?}"),
            Err(error) => error.to_string(),
        };
        shared.waits_for(format!("the coordinator at {}: {why}", config.coordinators.join(", ")));
        env.clock.sleep(pause).await;
    }
}

/// The coordinator, as this server calls it.
pub(super) fn coordinator(config: &StorageConfig, peers: Arc<Peers>) -> Arc<dyn CoordinatorApi> {
    let addresses = config.coordinators.iter().cloned();
    Arc::new(RemoteCoordinator::new(peers, addresses, config.lease, config.call_timeout))
}
