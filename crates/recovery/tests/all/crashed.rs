//! A dead master's log on memory stores whose network can be cut, in the world in memory.

use async_trait::async_trait;
use futures_util::FutureExt;
use parking_lot::Mutex;
use rekindle_backup::store::conformance::{Image, replica, servers, write};
use rekindle_backup::{
    BackupError, BackupStats, BackupStore, Backups, Fill, LoadRequest, Loaded, MemoryStore,
    MemoryStoreConfig, ReadPlan, ReplicaFree, ReplicaInfo, ReplicaWrite,
};
use rekindle_env::{Env, memory::World};
use rekindle_recovery::{LogMap, ReplicaSource, SegmentReplicas, discover};
use rekindle_types::{ListVersion, LogId, RemoteError, ReplicaId, SegmentId, ServerId};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub use rekindle_backup::store::conformance::MASTER as CRASHED;

/// How a backup answers loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Works,
    /// So many loads fail, then it works.
    Fails(u32),
    /// Never answers.
    Mute,
}

/// A backup whose loads take time, and may fail.
pub struct Wire {
    pub store: MemoryStore,
    env: Env,
    how: Mutex<How>,
    /// Loads that came, and how many of them were in flight at once at most.
    pub loads: Mutex<(usize, usize, usize)>,
}

impl Wire {
    pub fn set(&self, how: How) {
        *self.how.lock() = how;
    }

    async fn answer(&self) -> Result<(), BackupError> {
        let delay = Duration::from_micros(50 + self.env.rng.below(400));
        self.env.clock.sleep(delay).await;
        let how = *self.how.lock();
        match how {
            How::Works => Ok(()),
            How::Mute => std::future::pending().await,
            How::Fails(0) => {
                self.set(How::Works);
                Ok(())
            }
            How::Fails(left) => {
                self.set(How::Fails(left - 1));
                Err(RemoteError::Unknown("cut".into()).into())
            }
        }
    }
}

#[async_trait]
impl BackupStore for Wire {
    async fn write(&self, write: ReplicaWrite) -> Result<(), BackupError> {
        self.store.write(write).await
    }

    async fn free(&self, free: ReplicaFree) -> Result<(), BackupError> {
        self.store.free(free).await
    }

    async fn inventory(&self, log: LogId, at: ListVersion) -> Result<Vec<ReplicaInfo>, BackupError> {
        self.store.inventory(log, at).await
    }

    async fn start_recovery(&self, log: LogId, plan: ReadPlan) -> Result<(), BackupError> {
        self.store.start_recovery(log, plan).await
    }

    async fn load(&self, replica: ReplicaId, want: LoadRequest) -> Result<Loaded, BackupError> {
        {
            let (loads, now, most) = &mut *self.loads.lock();
            (*loads, *now) = (*loads + 1, *now + 1);
            *most = (*most).max(*now);
        }
        let answer = self.answer().await;
        self.loads.lock().1 -= 1;
        answer?;
        self.store.load(replica, want).await
    }

    async fn stats(&self) -> BackupStats {
        self.store.stats().await
    }
}

/// Backups 3 to 8 of the dead master 1.
pub struct Crash {
    pub world: World,
    pub env: Env,
    wires: BTreeMap<ServerId, Arc<Wire>>,
}

impl Backups for Crash {
    fn store(&self, server: ServerId) -> Arc<dyn BackupStore> {
        self.wires[&server].clone()
    }
}

impl Crash {
    pub fn new(seed: u64) -> Self {
        let world = World::new(seed);
        let env = world.node("recovery master").env();
        let list = servers(1, &[1, 3, 4, 5, 6, 7, 8], &[]);
        let wire = |id| {
            let store = MemoryStore::new(MemoryStoreConfig::new(ServerId(id)));
            store.set_servers(&list);
            let (how, loads) = (Mutex::new(How::Works), Mutex::default());
            (ServerId(id), Arc::new(Wire { store, env: env.clone(), how, loads }))
        };
        let wires = (3..=8).map(wire).collect();
        Self { world, env, wires }
    }

    pub fn wire(&self, server: u64) -> &Wire {
        &self.wires[&ServerId(server)]
    }

    /// Writes a segment to these backups, the primary first: closed, but for the head.
    pub fn hold(&self, image: &Image, servers: &[u64], is_head: bool) {
        for (at, server) in servers.iter().enumerate() {
            let mut call = write(image, image.segment().0, Some(Fill::Growing), !is_head);
            call.primary = at == 0;
            now(self.wire(*server).store.write(call)).unwrap();
        }
    }

    /// Kills the master: every backup is asked for its inventory.
    pub fn discover(&self) -> LogMap {
        let ask = |wire: &Arc<Wire>| now(wire.store.inventory(CRASHED, ListVersion(2))).unwrap();
        let inventories: Vec<_> = self.wires.iter().map(|(id, wire)| (*id, ask(wire))).collect();
        discover(CRASHED, &inventories, SegmentId(0)).unwrap()
    }

    /// Spoils a byte of a replica.
    pub fn damage(&self, server: u64, segment: u64, at: usize) {
        assert!(self.wire(server).store.damage(replica(CRASHED, segment, segment), at));
    }
}

/// The plan's view of a log, without a planner: primaries first.
pub fn sources(map: &LogMap) -> Vec<SegmentReplicas> {
    let of = |segment: &rekindle_recovery::SegmentMap| {
        let mut replicas = segment.replicas.clone();
        replicas.sort_by_key(|r| !r.primary);
        let source = |r: &rekindle_recovery::FoundReplica| ReplicaSource {
            server: r.server,
            replica: r.replica,
            length: r.certificate.length,
            checksum: r.certificate.checksum,
        };
        SegmentReplicas { segment: segment.segment, replicas: replicas.iter().map(source).collect() }
    };
    map.segments.iter().map(of).collect()
}

fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("memory never waits")
}
