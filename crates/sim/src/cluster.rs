//! A whole cluster in one world: the servers' real code, a simulated network and clock.

mod coordinators;
mod inspect;

pub use coordinators::{COORDINATOR, SUCCESSOR};

use crate::{
    check::Returned,
    config::{SimConfig, SimStore},
    ledger::broken_images,
    overheard::Overheard,
    timeline::Timeline,
    trace::{Incidents, WorldTap},
    weather::SeededWeather,
};
use futures_util::future::{Either, select};
use parking_lot::Mutex;
use rekindle_client::{Client, ClientConfig};
use rekindle_cluster::{
    memory::{MemoryNetwork, NetworkCounts},
    server::{
        CoordinatorServer, FileStoreSettings, ShutdownError, StorageConfig, StorageServer, StorageStatus,
        StoreKind,
    },
    wire::{
        ClusterId, Identity, NoStamps, Party, Peers, PeersConfig, RemoteCoordinator, RemoteMasters, Role,
    },
};
use rekindle_coordinator::MemoryMetaLog;
use rekindle_env::{
    Env,
    memory::{Crash, Disk, Node, World, WorldConfig},
};
use rekindle_log::cleaner::CleanerConfig;
use rekindle_types::{KeyHash, ReplicaId, ServerId, TableId};
use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    sync::Arc,
    time::Duration,
};

const CLUSTER: ClusterId = ClusterId(0x5ee_d1e5);
/// Frames of a backup: room for all that six servers write in a story.
const BACKUP_FRAMES: u64 = 1024;
/// Writes of a segment's replica at least, and steps in which the cleaner moves one, as with the usual sizes.
const CHUNKS: u32 = 8;
/// So many segments a cleaner moves in a second, as usual.
const CLEANED_PER_SECOND: u64 = 16;
/// Names of storage servers: `s0`, `s1`, ...
#[must_use]
pub fn name(server: u32) -> String {
    format!("s{server}")
}

/// Servers that can be killed and started again. Methods take `&self`: a script may run inside
/// [`World::block_on`].
pub struct SimCluster {
    config: SimConfig,
    /// Drives everything.
    pub world: World,
    /// What the network does.
    pub weather: Arc<SeededWeather>,
    /// What the coordinators saw.
    pub timeline: Timeline,
    /// The faults that have struck, as far as whoever strikes tells.
    pub incidents: Incidents,
    meta: MemoryMetaLog,
    network: MemoryNetwork,
    pub(crate) overheard: Arc<Overheard>,
    running: Arc<Mutex<Running>>,
}

#[derive(Default)]
struct Running {
    storage: BTreeMap<u32, StorageServer>,
    /// The ids that servers had before they were killed.
    former: BTreeMap<u32, ServerId>,
    /// Replicas that were on their disks when they started.
    found: BTreeMap<ServerId, BTreeSet<ReplicaId>>,
    /// Backups that came again, not judged yet.
    returned: Vec<(u32, Returned)>,
    coordinator: Option<CoordinatorServer>,
    /// Whose office that one has taken: it runs all the same.
    deposed: Option<CoordinatorServer>,
    /// Servers that are being stopped cleanly.
    stopping: BTreeSet<u32>,
}

impl SimCluster {
    /// A world with nothing running yet.
    #[must_use]
    pub fn new(config: SimConfig) -> Self {
        let world = World::with(WorldConfig { order: config.order, ..WorldConfig::new(config.seed) });
        let weather = SeededWeather::new(world.rng("weather"), config.climate);
        let (clock, tap) = (world.node("network").env().clock, Arc::new(WorldTap(world.tracer())));
        let network = MemoryNetwork::tapped(clock, weather.clone(), tap);
        skew_clocks(&world, &config);
        let running: Arc<Mutex<Running>> = Arc::default();
        // Weakly: what runs is listened to by it.
        let asked = Arc::downgrade(&running);
        let owner_of =
            move |table, hash| asked.upgrade().and_then(|running| running.lock().owner_of(table, hash));
        let (asked, disks) = (Arc::downgrade(&running), disks(&world, &config));
        let broken = move |server: u32, log| {
            let store = asked.upgrade().and_then(|running| running.lock().storage.get(&server)?.backup());
            store.map_or_else(BTreeSet::new, |store| broken_images(&*store, &disks[server as usize], log))
        };
        let clock = world.node("network").env().clock;
        let overheard = Overheard::new(clock, Box::new(owner_of), Box::new(broken));
        Self {
            config,
            weather,
            timeline: Timeline::default(),
            incidents: Incidents::default(),
            meta: MemoryMetaLog::new(config.rules),
            network,
            overheard,
            running,
            world,
        }
    }

    /// What the network has done to frames so far.
    #[must_use]
    pub fn network_counts(&self) -> NetworkCounts {
        self.network.counts()
    }

    /// Starts the coordinator and all storage servers.
    pub fn start(&self) {
        self.start_coordinator();
        (0..self.config.servers).for_each(|server| self.start_storage(server));
    }

    /// How it was set up.
    #[must_use]
    pub fn config(&self) -> &SimConfig {
        &self.config
    }

    /// Starts a storage server, as a new process with the former id of the one killed before, if any.
    ///
    /// # Panics
    /// When it is running.
    pub fn start_storage(&self, server: u32) {
        let (name, env) = (name(server), self.boot(&name(server)));
        self.overheard.ledger.starts(server, &self.node(server).disk());
        let transport = self.network.endpoint(&name, identity(&name, Role::Server));
        let transport = self.overheard.on(server, transport);
        let store = match self.config.store {
            SimStore::Memory => StoreKind::Memory,
            SimStore::Disks(durability) => {
                StoreKind::Files(FileStoreSettings { durability, ..FileStoreSettings::default() })
            }
        };
        let config = StorageConfig {
            store,
            backup_frames: Some(BACKUP_FRAMES),
            former: self.running.lock().former.get(&server).copied(),
            segment_bytes: self.config.segment_bytes,
            replica_chunk_bytes: self.config.segment_bytes / CHUNKS,
            cleaner: self.cleaner(),
            memory_bytes: u64::from(self.config.segments_max) * u64::from(self.config.segment_bytes),
            rules: self.config.rules,
            ..StorageConfig::new(CLUSTER, name.as_str(), name.as_str(), self.coordinators())
        };
        let started =
            StorageServer::start(config, env, transport).expect("the simulation's settings are valid");
        let former = self.running.lock().storage.insert(server, started);
        assert!(former.is_none(), "kill {name} before starting it again");
    }

    /// In proportion to the segments: the usual steps are larger than these, and nothing would come between two.
    fn cleaner(&self) -> CleanerConfig {
        let segment_bytes = u64::from(self.config.segment_bytes);
        CleanerConfig {
            slice_bytes: segment_bytes / u64::from(CHUNKS),
            bytes_per_second: CLEANED_PER_SECOND * segment_bytes,
            ..CleanerConfig::default()
        }
    }

    /// Kills a storage server: its tasks and its memory are gone, and of its disk what was not synced.
    pub fn kill_storage(&self, server: u32) {
        self.crash_storage(server, Crash::DropUnsynced);
    }

    /// Kills a storage server: its tasks and its memory are gone, and of its disk what `crash` says.
    pub fn crash_storage(&self, server: u32, crash: Crash) {
        let killed = self.running.lock().storage.remove(&server);
        // A store on a disk knows by itself whose it was.
        let is_in_memory = self.config.store == SimStore::Memory;
        if let Some(id) = killed.as_ref().and_then(StorageServer::id).filter(|_| is_in_memory) {
            self.running.lock().former.insert(server, id);
        }
        self.kill_node(&name(server), crash);
        drop(killed);
    }

    /// Stops a storage server cleanly. Its process is gone then: its disk forgets what was not synced.
    ///
    /// # Panics
    /// When its backup could not make durable what it held.
    pub async fn stop_storage(&self, server: u32) {
        self.try_stop_storage(server).await.expect("disks work");
    }

    /// Stops a storage server cleanly, as far as its disk lets it. Its process is gone then: its disk forgets what was not
    /// synced.
    ///
    /// # Errors
    /// When its backup could not make durable what it held.
    pub async fn try_stop_storage(&self, server: u32) -> Result<(), ShutdownError> {
        let stopped = {
            let mut running = self.running.lock();
            running.stopping.insert(server);
            running.storage.remove(&server)
        };
        let ended = match stopped {
            Some(stopped) => stopped.shutdown().await,
            None => Ok(()),
        };
        let is_replaced = {
            let mut running = self.running.lock();
            running.stopping.remove(&server);
            running.storage.contains_key(&server)
        };
        // Whoever was killed while it stopped may have a successor by now.
        if !is_replaced {
            self.kill_node(&name(server), Crash::DropUnsynced);
        }
        ended
    }

    /// Whether a storage server is being stopped cleanly just now.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        !self.running.lock().stopping.is_empty()
    }

    /// Kills every server and the coordinator at once, as a power failure does: disks forget what was not synced.
    pub fn kill_all(&self) {
        self.crash_all(Crash::DropUnsynced);
    }

    /// Kills every server and the coordinator at once; `crash` says what the disks forget.
    pub fn crash_all(&self, crash: Crash) {
        self.running().into_iter().for_each(|server| self.crash_storage(server, crash));
        self.crash_coordinator(crash);
    }

    /// Starts whatever does not run, on the disks that are there.
    pub fn start_missing(&self) {
        if self.coordinator(|_| ()).is_none() {
            self.start_coordinator();
        }
        let running = self.running();
        (0..self.config.servers)
            .filter(|server| !running.contains(server))
            .for_each(|server| self.start_storage(server));
    }

    /// Polls nothing of a storage server until it is resumed: its clock goes on.
    pub fn pause_storage(&self, server: u32) {
        self.node(server).pause();
    }

    /// Ends a pause.
    pub fn resume_storage(&self, server: u32) {
        self.node(server).resume();
    }

    /// The node of a storage server.
    #[must_use]
    pub fn node(&self, server: u32) -> Node {
        self.world.node(&name(server))
    }

    /// Storage servers that run.
    #[must_use]
    pub fn running(&self) -> Vec<u32> {
        self.running.lock().storage.keys().copied().collect()
    }

    /// Whether this is so of a storage server that runs.
    pub fn any_storage(&self, is_so: impl Fn(&StorageServer) -> bool) -> bool {
        self.running.lock().storage.values().any(is_so)
    }

    /// Asks the storage server for something, if it runs.
    pub fn storage<T>(&self, server: u32, ask: impl FnOnce(&StorageServer) -> T) -> Option<T> {
        self.running.lock().storage.get(&server).map(ask)
    }

    /// Snapshots of the running storage servers that have enlisted.
    #[must_use]
    pub fn statuses(&self) -> BTreeMap<u32, StorageStatus> {
        let running = self.running.lock();
        running.storage.iter().filter_map(|(server, s)| Some((*server, s.status()?))).collect()
    }

    /// A client on a node of its own.
    ///
    /// # Panics
    /// When the configuration can't work.
    #[must_use]
    pub fn client(&self, name: &str, config: ClientConfig) -> Client {
        let env = self.world.node(name).env();
        let transport = self.network.endpoint(name, identity(name, Role::Client));
        let peers = PeersConfig { rules: self.config.rules, ..PeersConfig::new(CLUSTER, Party::Client) };
        let peers = Peers::new(peers, env.clone(), transport, Arc::new(NoStamps));
        let (renew, call) = (Duration::from_millis(250), Duration::from_secs(10));
        let coordinator = Arc::new(RemoteCoordinator::new(peers.clone(), self.coordinators(), renew, call));
        Client::new(config, coordinator, Arc::new(RemoteMasters::new(peers)), env)
            .expect("tests give configurations that work")
    }

    /// Waits until `is_so`, looking every 10 ms; `false` when `patience` is over first.
    pub async fn until(&self, patience: Duration, mut is_so: impl FnMut(&Self) -> bool) -> bool {
        let clock = self.world.node("network").env().clock;
        let deadline = clock.now() + patience;
        loop {
            if is_so(self) {
                return true;
            }
            if clock.now() >= deadline {
                return false;
            }
            clock.sleep(Duration::from_millis(10)).await;
        }
    }

    /// Runs a script; a coordinator whose meta log crashed meanwhile is replaced within 10 ms.
    pub async fn supervised<T>(&self, script: impl Future<Output = T>) -> T {
        let watch = async {
            loop {
                self.until(Duration::from_secs(3600), Self::replace_crashed_coordinator).await;
            }
        };
        match select(pin!(script), pin!(watch)).await {
            Either::Left((output, _)) => output,
            Either::Right((never, _)) => never,
        }
    }

    /// Whether every running storage server may get tablets.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let running = self.running.lock();
        !running.storage.is_empty() && running.storage.values().all(StorageServer::is_ready)
    }

    /// Whether every storage server that there should be runs, and may get tablets.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let running = self.running.lock().storage.len();
        running == self.config.servers as usize && self.is_ready()
    }

    /// A node's world, started again when the node was killed.
    fn boot(&self, name: &str) -> Env {
        let node = self.world.node(name);
        node.disk().set_latency(self.config.disk_latency_max);
        if node.is_up() { node.env() } else { node.restart() }
    }

    /// First the network: a dead process says no good-bye.
    fn kill_node(&self, name: &str, crash: Crash) {
        self.network.kill(name);
        self.world.node(name).kill_with(crash);
    }
}

impl Running {
    /// Whose a key is by the record of the coordinator in office.
    fn owner_of(&self, table: TableId, hash: KeyHash) -> Option<ServerId> {
        let office = self.coordinator.as_ref()?.coordinator()?;
        office.look(|state| state.map().lookup(table, hash).map(|tablet| tablet.owner))
    }
}

fn disks(world: &World, config: &SimConfig) -> Vec<Arc<Disk>> {
    (0..config.servers).map(|server| world.node(&name(server)).disk()).collect()
}

/// No two clocks of servers agree, in their reading or their rate.
fn skew_clocks(world: &World, config: &SimConfig) {
    let rng = world.rng("clocks");
    for server in 0..config.servers {
        let ahead = Duration::from_millis(rng.below(3_600_000));
        let drift =
            rng.below(2 * u64::from(config.drift_ppm_max) + 1) as i64 - i64::from(config.drift_ppm_max);
        let drift = i32::try_from(drift).expect("a drift is below 2^31 millionths");
        world.node(&name(server)).skew_clock(ahead, drift);
    }
}

fn identity(name: &str, role: Role) -> Identity {
    Identity { name: name.to_owned(), role }
}
