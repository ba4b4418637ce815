//! A server of fakes on a memory network.

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use rekindle_backup::{
    BackupError, BackupStats, BackupStore, LoadRequest, Loaded, ReadPlan, ReplicaFree, ReplicaInfo,
    ReplicaWrite,
};
use rekindle_client::{Master, ObjectReply, ObjectRequest, ObjectResult};
use rekindle_cluster::{
    memory::{Calm, MemoryNetwork, Weather},
    wire::{
        ClusterId, Gate, Identity, Members, NoStamps, Party, Peer, Peers, PeersConfig, Role, ServeConfig,
        Services, serve,
    },
};
use rekindle_coordinator::{ControlError, Order, Report, ServerControl};
use rekindle_env::{Env, Task, memory::World};
use rekindle_log::Certificate;
use rekindle_types::{
    CoordinatorApi, CreationNumber, ListVersion, LogId, RemoteError, ReplicaId, Reply, Request, Rules,
    SegmentId, ServerId, SessionNumber, Version,
};
use std::{sync::Arc, time::Duration};

pub const CLUSTER: ClusterId = ClusterId(7);
pub const DELAY: Duration = Duration::from_micros(50);

/// Answers everything, and remembers what it was asked.
#[derive(Default)]
pub struct Fake {
    pub seen: Mutex<Vec<String>>,
    /// Calls with this answer only after so long.
    pub delay: Mutex<Option<(Env, Duration)>>,
}

impl Fake {
    async fn see(&self, what: impl Into<String>) {
        self.seen.lock().push(what.into());
        let delay = self.delay.lock().clone();
        if let Some((env, delay)) = delay {
            env.clock.sleep(delay).await;
        }
    }
}

#[async_trait]
impl BackupStore for Fake {
    async fn write(&self, write: ReplicaWrite) -> Result<(), BackupError> {
        self.see(format!("write {}", write.replica)).await;
        Err(BackupError::NotOpen(write.replica))
    }

    async fn free(&self, free: ReplicaFree) -> Result<(), BackupError> {
        self.see(format!("free {}", free.replica)).await;
        Ok(())
    }

    async fn inventory(&self, log: LogId, _: ListVersion) -> Result<Vec<ReplicaInfo>, BackupError> {
        self.see(format!("inventory {log}")).await;
        Ok(Vec::new())
    }

    async fn start_recovery(&self, log: LogId, _: ReadPlan) -> Result<(), BackupError> {
        self.see(format!("start {log}")).await;
        Ok(())
    }

    async fn load(&self, replica: ReplicaId, _: LoadRequest) -> Result<Loaded, BackupError> {
        self.see(format!("load {replica}")).await;
        Ok(Loaded { bytes: Bytes::from(vec![1; 100_000]), certificate: Certificate::default() })
    }

    async fn stats(&self) -> BackupStats {
        self.see("stats").await;
        BackupStats { frames: 9, ..BackupStats::default() }
    }
}

#[async_trait]
impl ServerControl for Fake {
    async fn call(&self, order: Order) -> Result<Report, ControlError> {
        self.see(format!("order {:?}", order.kind)).await;
        Ok(Report::Done)
    }
}

#[async_trait]
impl Master for Fake {
    async fn call(&self, request: ObjectRequest) -> Result<ObjectReply, RemoteError> {
        self.see(format!("objects {} in {}", request.calls.len(), request.time_left_ms)).await;
        let found = ObjectResult::Found { value: Bytes::from(vec![7; 5000]), version: Version(3) };
        Ok(ObjectReply { results: request.calls.iter().map(|_| Ok(found.clone())).collect() })
    }
}

#[async_trait]
impl CoordinatorApi for Fake {
    async fn call(&self, request: Request) -> Result<Reply, RemoteError> {
        self.see(format!("request {request:?}")).await;
        Ok(Reply::Done)
    }
}

/// Knows every server as `server-<id>`.
pub struct Names;

impl Members for Names {
    fn name(&self, server: ServerId) -> Option<String> {
        Some(format!("server-{}", server.0))
    }

    fn has_seen(&self, _: ServerId) -> bool {
        true
    }
}

pub struct Net {
    pub world: World,
    pub network: MemoryNetwork,
}

impl Net {
    pub fn calm() -> Self {
        Self::with(Calm(DELAY))
    }

    pub fn with(weather: impl Weather + 'static) -> Self {
        let world = World::new(1);
        let network = MemoryNetwork::new(world.node("net").env().clock, Arc::new(weather));
        Self { world, network }
    }

    /// A process at `address` that answers as `party` with everything that a fake can do.
    pub fn serve(&self, address: &str, party: Party) -> (Arc<Fake>, Task) {
        let fake = Arc::new(Fake::default());
        (fake.clone(), self.serve_with(address, party, CLUSTER, Rules::default(), fake))
    }

    pub fn serve_with(
        &self,
        address: &str,
        party: Party,
        cluster: ClusterId,
        rules: Rules,
        fake: Arc<Fake>,
    ) -> Task {
        self.serve_as(address, party, cluster, rules, fake, ServeConfig::default())
    }

    pub fn serve_as(
        &self,
        address: &str,
        party: Party,
        cluster: ClusterId,
        rules: Rules,
        fake: Arc<Fake>,
        config: ServeConfig,
    ) -> Task {
        let env = self.world.node(address).env();
        let gate = Arc::new(Gate::new(cluster, party, Arc::new(Names), rules));
        let services = match party {
            Party::Coordinator => Services { coordinator: Some(fake), ..Services::default() },
            _ => Services {
                backup: Some(fake.clone()),
                control: Some(fake.clone()),
                master: Some(fake),
                coordinator: None,
            },
        };
        let transport = self.network.endpoint(address, identity(party));
        let run = serve(env.clone(), transport, gate, services, Arc::new(NoStamps), config);
        env.spawn.spawn("serve", Box::pin(run))
    }

    /// A process at `address` that calls others as `party`.
    pub fn peers(&self, address: &str, party: Party) -> Arc<Peers> {
        self.peers_with(address, PeersConfig::new(CLUSTER, party))
    }

    pub fn peers_with(&self, address: &str, config: PeersConfig) -> Arc<Peers> {
        let env = self.world.node(address).env();
        let transport = self.network.endpoint(address, identity(config.sender));
        Peers::new(config, env, transport, Arc::new(NoStamps))
    }
}

pub fn identity(party: Party) -> Identity {
    let (name, role) = match party {
        Party::Server(id) => (format!("server-{}", id.0), Role::Server),
        Party::Newcomer => ("server-new".into(), Role::Server),
        Party::Coordinator => ("coordinator".into(), Role::Coordinator),
        Party::Client => ("client".into(), Role::Client),
    };
    Identity { name, role }
}

pub fn peer(party: Party, address: &str) -> Peer {
    Peer { party, address: address.into(), name: None }
}

pub fn server(id: u64) -> Party {
    Party::Server(ServerId(id))
}

pub fn replica(master: u64) -> ReplicaId {
    ReplicaId { log: LogId::of(ServerId(master)), segment: SegmentId(5), creation: CreationNumber(6) }
}

pub fn write(master: u64) -> ReplicaWrite {
    ReplicaWrite {
        replica: replica(master),
        session: SessionNumber(1),
        open: Some(rekindle_backup::Fill::Growing),
        capacity: 1 << 20,
        offset: 0,
        bytes: Bytes::from(vec![3; 10_000]),
        certificate: Some(Certificate { length: 10_000, checksum: 5 }),
        close: false,
        primary: true,
    }
}
