//! Loading and recovery over QUIC, with files: five storage servers, a coordinator and a client in one process, each
//! with threads, sockets and a directory of its own, as processes have them. `multi_put` at R = 3; then one server is
//! dropped, and reads of the others' tablets go on until everything answers again.
//!
//! `cargo bench --bench cluster_quic` (`-- --short` for a quick look, `-- --only Buffered` for one durability,
//! `-- --mib 1024` for more data).
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "measure/mod.rs"]
mod measure;

use bytes::Bytes;
use measure::{KEY_BYTES, Values, is_short, is_wanted, key};
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
use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const CLUSTER: ClusterId = ClusterId(7);
const SERVERS: usize = 5;
const VALUE_BYTES: usize = 1024;
/// Objects of one call of the client, and calls under way at once.
const BATCH: usize = 1024;
const CALLS: usize = 8;

/// The threads of one process, its directory and its sockets. Threads come last: they end when nothing needs them.
struct Process {
    env: Env,
    transport: Arc<QuicTransport>,
    threads: Runtimes,
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

    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.threads.main().block_on(future)
    }
}

struct Storage {
    server: Option<StorageServer>,
    _process: Process,
}

struct Cluster {
    client: Client,
    user: Process,
    servers: Vec<Storage>,
    _coordinator: (CoordinatorServer, Process),
    _dir: tempfile::TempDir,
}

impl Cluster {
    fn start(durability: Durability, memory_bytes: u64) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let authority = Authority::new().expect("keys");
        let process = |name: &str, role| Process::start(&authority, dir.path(), name, role);
        let chief = process("coordinator", Role::Coordinator);
        let config = CoordinatorServerConfig {
            cluster: CLUSTER,
            coordinator: CoordinatorConfig {
                partition_bytes: 16 << 20,
                ..CoordinatorConfig::new(ClusterSize::Replicas(3))
            },
        };
        let meta = Arc::new(FileMetaLog::new(&chief.env, FileMetaLogConfig::new(CLUSTER.0)));
        let transport = chief.transport.clone();
        let coordinator =
            CoordinatorServer::start(config, chief.env.clone(), transport, meta).expect("valid");
        let address = chief.transport.address();
        let servers = (0..SERVERS).map(|n| {
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
        let config = ClientConfig { timeout: Duration::from_secs(60), ..ClientConfig::default() };
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

    fn table(&self) -> Table {
        self.user.run(self.client.create_table("table", 4 * SERVERS as u32)).expect("created")
    }
}

/// Runs calls of the client on its own thread, several at once.
fn at_once(cluster: &Cluster, calls: Vec<impl Future<Output = ()> + Send + 'static>) {
    let mut calls = calls.into_iter();
    let workers: Vec<_> = {
        let shared = Arc::new(std::sync::Mutex::new(calls.by_ref().collect::<Vec<_>>()));
        (0..CALLS)
            .map(|_| {
                let shared = shared.clone();
                cluster.user.threads.main().spawn(async move {
                    loop {
                        let next = shared.lock().expect("no panic under it").pop();
                        let Some(call) = next else { return };
                        call.await;
                    }
                })
            })
            .collect()
    };
    for worker in workers {
        cluster.user.run(worker).expect("no panic");
    }
}

fn load(cluster: &Cluster, table: &Table, values: &Values, objects: usize) -> f64 {
    let batches = (0..objects).step_by(BATCH).map(|first| {
        let last = (first + BATCH).min(objects);
        let batch: Vec<_> =
            (first..last).map(|n| (key(n), Bytes::copy_from_slice(values.get(n, VALUE_BYTES)))).collect();
        let table = table.clone();
        async move {
            for answer in table.multi_put(batch).await {
                answer.expect("written");
            }
        }
    });
    let batches: Vec<_> = batches.collect();
    measure::seconds(|| at_once(cluster, batches))
}

/// Drops a server; how long until all objects answer, and the slowest single read of others meanwhile.
fn crash(cluster: &mut Cluster, table: &Table, objects: usize) {
    let victim = cluster.servers.remove(1);
    let id = victim.server.as_ref().and_then(StorageServer::id).expect("enlisted");
    let live = victim.server.as_ref().and_then(StorageServer::status).map_or(0, |s| s.log.live_bytes);
    let mut victim = victim;
    let begin = Instant::now();
    drop(victim.server.take());
    drop(victim);
    let is_over = Arc::new(AtomicBool::new(false));
    let prober = {
        // Keys that answer at once belong to others.
        let (table, is_over) = (table.clone(), is_over.clone());
        cluster.user.threads.main().spawn(async move {
            let (mut slow, mut reads, mut n) = (Vec::new(), 0u32, 0usize);
            while !is_over.load(Ordering::Relaxed) {
                n = (n + 7919) % objects;
                let begin = Instant::now();
                let get = table.get(key(n));
                if let Ok(found) = tokio::time::timeout(Duration::from_millis(250), get).await {
                    assert!(found.expect("read").is_some());
                    reads += 1;
                    slow.push(begin.elapsed());
                }
            }
            slow.sort();
            (reads, slow)
        })
    };
    let keys: Vec<_> = (0..objects).step_by(97).map(key).collect();
    let found = cluster.user.run(table.multi_get(keys));
    let served = begin.elapsed();
    is_over.store(true, Ordering::Relaxed);
    assert!(found.iter().all(|f| f.as_ref().is_ok_and(Option::is_some)), "lost");
    let (reads, slow) = cluster.user.run(prober).expect("no panic");
    let at = |share: f64| slow.get((slow.len() as f64 * share) as usize).copied().unwrap_or_default();
    println!(
        "cluster_quic recovery of {id}: {live} live bytes served after {} ms; {reads} reads meanwhile, median {:?}, p99 {:?}, slowest {:?}",
        served.as_millis(),
        at(0.5),
        at(0.99),
        slow.last().copied().unwrap_or_default(),
    );
}

fn main() {
    let mut args = std::env::args().skip_while(|arg| arg != "--mib");
    let asked = args.nth(1).and_then(|mib| mib.parse::<usize>().ok());
    let mib = asked.unwrap_or(if is_short() { 16 } else { 256 });
    let values = Values::new();
    for (name, durability) in [("Buffered", Durability::Buffered), ("Persistent", Durability::Persistent)] {
        if !is_wanted(name) {
            continue;
        }
        let bytes = mib << 20;
        let objects = bytes / (VALUE_BYTES + KEY_BYTES);
        let mut cluster = Cluster::start(durability, (bytes as u64).max(256 << 20));
        let table = cluster.table();
        let seconds = load(&cluster, &table, &values, objects);
        println!(
            "cluster_quic multi_put {name} R=3 value={VALUE_BYTES}B {:.0} MB/s",
            bytes as f64 / 1e6 / seconds
        );
        crash(&mut cluster, &table, objects);
    }
}
