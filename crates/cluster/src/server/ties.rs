//! How a storage server reaches the others.

use super::{
    CoordinatorFloors, Hints, ListKeeper, ListWatch, Membership, Neighbours, StorageConfig,
    StorageConfigError, enlist,
};
use crate::wire::{Party, Peers, PeersConfig, Transport};
use rekindle_backup::{
    BackupStore,
    replicator::{FloorKeeper, Replication},
};
use rekindle_env::Env;
use rekindle_types::{CoordinatorApi, Enlisted};
use std::sync::Arc;

/// A server's ways to the coordinator and to its neighbours.
pub(super) struct Ties {
    pub(super) peers: Arc<Peers>,
    pub(super) coordinator: Arc<dyn CoordinatorApi>,
    pub(super) neighbours: Arc<Neighbours>,
    pub(super) floors: Arc<dyn FloorKeeper>,
    pub(super) list_watch: Arc<ListWatch>,
    pub(super) list_keeper: Arc<ListKeeper>,
    pub(super) hints: Arc<Hints>,
}

impl Ties {
    /// From what the coordinator said when it gave the id.
    pub(super) fn new(
        config: &StorageConfig,
        env: &Env,
        transport: &Arc<dyn Transport>,
        enlisted: Enlisted,
        backup: Arc<dyn BackupStore>,
    ) -> (Arc<Membership>, Self) {
        let Enlisted { server, term, list, .. } = enlisted;
        let membership = Arc::new(Membership::new(server, term, list, config.rules));
        let list_watch = ListWatch::new(membership.clone());
        let sender = Party::Server(server);
        let peers = PeersConfig { rules: config.rules, ..PeersConfig::new(config.cluster, sender) };
        let peers = Peers::new(peers, env.clone(), transport.clone(), list_watch.clone());
        let coordinator = enlist::coordinator(config, peers.clone());
        let list_keeper = Arc::new(ListKeeper::new(list_watch.clone(), coordinator.clone()));
        let hints = Hints::new(membership.clone());
        let neighbours = Neighbours::new(peers.clone(), membership.clone(), backup, hints.clone(), config);
        let floors = CoordinatorFloors { coordinator: coordinator.clone(), membership: membership.clone() };
        let ties = Self {
            peers,
            coordinator,
            neighbours: Arc::new(neighbours),
            floors: Arc::new(floors),
            list_watch,
            list_keeper,
            hints,
        };
        (membership, ties)
    }

    /// The replicator of this server's log, which verifies the membership when a backup fences it.
    pub(super) fn replication(
        &self,
        config: &StorageConfig,
        env: &Env,
        replicas: u32,
    ) -> Result<Arc<Replication>, StorageConfigError> {
        let own = self.list_watch.own();
        let settings = config.replicator(own, replicas, env.rng.next_u64());
        let verify = self.list_watch.clone();
        let (backups, floors) = (self.neighbours.clone(), self.floors.clone());
        Ok(Replication::new(settings, backups, floors, move || verify.verify())?)
    }
}
