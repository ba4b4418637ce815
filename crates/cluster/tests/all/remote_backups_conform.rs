//! A backup behind the wire does what every backup must do: its stub runs the conformance suite.

use crate::support::*;
use async_trait::async_trait;
use parking_lot::Mutex;
use rekindle_backup::store::conformance::{FRAMES, OWN, Subject, cases};
use rekindle_backup::{
    BackupError, BackupStats, BackupStore, LoadRequest, Loaded, MemoryStore, MemoryStoreConfig, ReadPlan,
    ReplicaFree, ReplicaInfo, ReplicaWrite,
};
use rekindle_cluster::wire::{Gate, NoStamps, Party, RemoteBackup, ServeConfig, Services, serve};
use rekindle_env::Task;
use rekindle_types::{ListVersion, LogId, ReplicaId, Rules, ServerId, ServerList};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// A memory store at `b`, and its stubs in the hands of masters and of the coordinator: each may make other calls.
struct Remote {
    net: Arc<Net>,
    store: Arc<MemoryStore>,
    stubs: Mutex<BTreeMap<Option<ServerId>, Arc<RemoteBackup>>>,
    _serve: Task,
}

impl Remote {
    fn new(net: Arc<Net>) -> Self {
        let config = MemoryStoreConfig { frames: FRAMES, ..MemoryStoreConfig::new(OWN) };
        let store = Arc::new(MemoryStore::new(config));
        let env = net.world.node("b").env();
        let party = Party::Server(OWN);
        let gate = Arc::new(Gate::new(CLUSTER, party, Arc::new(Names), Rules::default()));
        let services = Services { backup: Some(store.clone()), ..Services::default() };
        let transport = net.network.endpoint("b", identity(party));
        let config = ServeConfig::default();
        let run = serve(env.clone(), transport, gate, services, Arc::new(NoStamps), config);
        let _serve = env.spawn.spawn("serve", Box::pin(run));
        Self { net, store, stubs: Mutex::default(), _serve }
    }

    /// The stub of a master, or of the coordinator.
    fn by(&self, caller: Option<ServerId>) -> Arc<RemoteBackup> {
        let make = || {
            let party = caller.map_or(Party::Coordinator, Party::Server);
            let peers = self.net.peers(&format!("{party:?}"), party);
            let (own, second) = (peer(Party::Server(OWN), "b"), Duration::from_secs(1));
            Arc::new(RemoteBackup::new(peers, own, second, second))
        };
        self.stubs.lock().entry(caller).or_insert_with(make).clone()
    }
}

#[async_trait]
impl BackupStore for Remote {
    async fn write(&self, write: ReplicaWrite) -> Result<(), BackupError> {
        self.by(Some(write.replica.log.server)).write(write).await
    }

    async fn free(&self, free: ReplicaFree) -> Result<(), BackupError> {
        self.by(Some(free.replica.log.server)).free(free).await
    }

    async fn inventory(&self, log: LogId, at: ListVersion) -> Result<Vec<ReplicaInfo>, BackupError> {
        self.by(None).inventory(log, at).await
    }

    async fn start_recovery(&self, log: LogId, plan: ReadPlan) -> Result<(), BackupError> {
        self.by(None).start_recovery(log, plan).await
    }

    async fn load(&self, replica: ReplicaId, want: LoadRequest) -> Result<Loaded, BackupError> {
        self.by(Some(ServerId(3))).load(replica, want).await
    }

    async fn stats(&self) -> BackupStats {
        self.by(None).stats().await
    }
}

struct Wired(Arc<Remote>);

impl Subject for Wired {
    fn store(&self) -> Arc<dyn BackupStore> {
        self.0.clone()
    }

    fn set_servers(&self, list: &ServerList) {
        self.0.store.set_servers(list);
    }

    fn damage(&self, replica: ReplicaId, at: usize) -> bool {
        self.0.store.damage(replica, at)
    }
}

#[test]
fn remote_backups_conform() {
    for (name, check_case) in cases() {
        println!("{name}");
        let net = Arc::new(Net::calm());
        let remote = Arc::new(Remote::new(net.clone()));
        net.world.block_on(check_case(Arc::new(Wired(remote))));
    }
}
