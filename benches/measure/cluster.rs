//! A cluster over QUIC in one process: storage servers with files, a coordinator and a client, each with threads, sockets
//! and a directory of its own, as processes have them.
#![allow(dead_code)]

use rekindle::backup::Durability;
use rekindle::client::{Client, ClientConfig, Table};
use rekindle::cluster::local::Authority;
use rekindle::cluster::quic::{QuicConfig, QuicTransport, Threads};
use rekindle::cluster::server::{
    CoordinatorServer, CoordinatorServerConfig, FileStoreSettings, StorageConfig, StorageServer, StoreKind,
};
use rekindle::cluster::wire::{
    ClusterId, NoStamps, Party, Peers, PeersConfig, RemoteCoordinator, RemoteMasters, Role,
};
use rekindle::coordinator::{
    ClusterSize, CoordinatorConfig,
    meta::{FileMetaLog, FileMetaLogConfig},
};
use rekindle::env::{
    Env,
    real::{RealConfig, RealEnv, Runtimes},
};
use std::{net::SocketAddr, path::Path, sync::Arc, thread, time::Duration};

const CLUSTER: ClusterId = ClusterId(7);

/// What a bench asks for.
#[derive(Clone, Copy)]
pub struct Shape {
    pub servers: usize,
    pub replicas: u32,
    pub durability: Durability,
    pub memory_bytes: u64,
}

/// The threads of one process, its directory and its sockets. Threads come last: they end when nothing needs them.
pub struct Process {
    pub env: Env,
    transport: Arc<QuicTransport>,
    pub threads: Runtimes,
}

impl Process {
    fn start(authority: &Authority, dir: &Path, name: &str, role: Role) -> Self {
        let threads = Runtimes::start().expect("threads");
        let (main, urgent) = (threads.main(), threads.urgent());
        let env = RealEnv::open(&dir.join(name), main.clone(), urgent.clone(), RealConfig::default());
        let env = env.expect("a directory");
        let credentials =
            authority.issue(name, role).and_then(|issued| issued.credentials()).expect("issued");
        let config = QuicConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)), credentials);
        let transport = QuicTransport::bind(config, &Threads { main, urgent }).expect("a free port");
        Self { env, transport, threads }
    }

    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.threads.main().block_on(future)
    }
}

pub struct Storage {
    pub server: Option<StorageServer>,
    _process: Process,
}

pub struct Cluster {
    pub client: Client,
    pub user: Process,
    pub servers: Vec<Storage>,
    _coordinator: (CoordinatorServer, Process),
    _dir: tempfile::TempDir,
}

impl Cluster {
    pub fn start(shape: Shape) -> Self {
        let Shape { servers, replicas, durability, memory_bytes } = shape;
        let dir = tempfile::tempdir().expect("a temporary directory");
        let authority = Authority::new().expect("keys");
        let process = |name: &str, role| Process::start(&authority, dir.path(), name, role);
        let chief = process("coordinator", Role::Coordinator);
        let config = CoordinatorServerConfig {
            cluster: CLUSTER,
            coordinator: CoordinatorConfig {
                partition_bytes: 16 << 20,
                ..CoordinatorConfig::new(ClusterSize::Replicas(replicas))
            },
        };
        let meta = Arc::new(FileMetaLog::new(&chief.env, FileMetaLogConfig::new(CLUSTER.0)));
        let transport = chief.transport.clone();
        let coordinator =
            CoordinatorServer::start(config, chief.env.clone(), transport, meta).expect("valid");
        let address = chief.transport.address();
        let servers = (0..servers).map(|n| {
            let name = format!("s{n}");
            let process = process(&name, Role::Server);
            let settings = FileStoreSettings { durability, ..FileStoreSettings::default() };
            let config = StorageConfig {
                store: StoreKind::Files(settings),
                memory_bytes,
                ..StorageConfig::new(CLUSTER, name, process.transport.address(), [address.clone()])
            };
            let started = StorageServer::start(config, process.env.clone(), process.transport.clone());
            Storage { server: Some(started.expect("valid")), _process: process }
        });
        let servers: Vec<_> = servers.collect();
        let user = process("client", Role::Client);
        let peers = PeersConfig::new(CLUSTER, Party::Client);
        let peers = Peers::new(peers, user.env.clone(), user.transport.clone(), Arc::new(NoStamps));
        let (renew, call) = (Duration::from_millis(250), Duration::from_secs(10));
        let api = Arc::new(RemoteCoordinator::new(peers.clone(), [address], renew, call));
        let config =
            ClientConfig { timeout: Duration::from_secs(60), requests_max: 4096, ..ClientConfig::default() };
        let masters = Arc::new(RemoteMasters::new(peers));
        let client = Client::new(config, api, masters, user.env.clone()).expect("valid");
        let cluster = Self { client, user, servers, _coordinator: (coordinator, chief), _dir: dir };
        while !cluster.servers.iter().all(|s| s.server.as_ref().is_some_and(StorageServer::is_ready)) {
            for storage in &cluster.servers {
                let ended = storage.server.as_ref().and_then(StorageServer::ended);
                assert!(ended.is_none(), "{ended:?}");
            }
            thread::sleep(Duration::from_millis(10));
        }
        cluster
    }

    pub fn table(&self, name: &str, tablets: u32) -> Table {
        self.user.run(self.client.create_table(name, tablets)).expect("created")
    }
}
