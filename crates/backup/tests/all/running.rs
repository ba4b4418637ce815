//! A replication that runs in the world in memory, over memory stores, for a log of entries that hold plain bytes.

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use rekindle_backup::replicator::ReplicatorConfig;
use rekindle_backup::{
    BackupError, BackupStats, BackupStore, Backups, FloorError, FloorKeeper, LoadRequest, Loaded,
    MemoryStore, MemoryStoreConfig, ReadPlan, ReplicaFree, ReplicaInfo, ReplicaWrite, Replication,
};
use rekindle_env::memory::World;
use rekindle_env::{Env, Task};
use rekindle_log::segment::{CertificateCheck, EntryHeader, EntryType, SegmentHeader};
use rekindle_log::{Certificate, SegmentSink, SegmentSource};
use rekindle_types::{
    ListVersion, LogId, RemoteError, SegmentId, ServerEntry, ServerId, ServerList, ServerStatus,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub const MASTER: ServerId = ServerId(1);
pub const SEGMENT_BYTES: u32 = 4 << 20;

/// A backup whose network can be cut.
pub struct Wire {
    pub store: MemoryStore,
    env: Env,
    how: Mutex<How>,
    pub writes: Mutex<Vec<ReplicaWrite>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum How {
    Works,
    /// Calls fail at once.
    Unreachable,
    /// Calls are done, the answers get lost.
    Mute,
}

impl Wire {
    pub fn set(&self, how: How) {
        *self.how.lock() = how;
    }

    async fn carry<T>(&self, call: impl Future<Output = Result<T, BackupError>>) -> Result<T, BackupError> {
        self.env.clock.sleep(Duration::from_micros(10)).await;
        if *self.how.lock() == How::Unreachable {
            return Err(RemoteError::NotDone("unreachable".into()).into());
        }
        let answer = call.await;
        if *self.how.lock() == How::Mute {
            std::future::pending::<()>().await;
        }
        answer
    }
}

#[async_trait]
impl BackupStore for Wire {
    async fn write(&self, write: ReplicaWrite) -> Result<(), BackupError> {
        self.writes.lock().push(write.clone());
        self.carry(self.store.write(write)).await
    }

    async fn free(&self, free: ReplicaFree) -> Result<(), BackupError> {
        self.carry(self.store.free(free)).await
    }

    async fn inventory(&self, log: LogId, at: ListVersion) -> Result<Vec<ReplicaInfo>, BackupError> {
        self.store.inventory(log, at).await
    }

    async fn start_recovery(&self, log: LogId, plan: ReadPlan) -> Result<(), BackupError> {
        self.store.start_recovery(log, plan).await
    }

    async fn load(
        &self,
        replica: rekindle_types::ReplicaId,
        want: LoadRequest,
    ) -> Result<Loaded, BackupError> {
        self.store.load(replica, want).await
    }

    async fn stats(&self) -> BackupStats {
        self.store.stats().await
    }
}

/// What the log and the coordinator know.
#[derive(Default)]
pub struct Memory {
    pub segments: Mutex<BTreeMap<SegmentId, (Vec<u8>, Certificate)>>,
    pub rolls: Mutex<Vec<SegmentId>>,
    pub floor: Mutex<Option<SegmentId>>,
    pub floor_fails: Mutex<u32>,
    pub is_dead: Mutex<bool>,
    pub verified: Mutex<u32>,
}

impl SegmentSource for Memory {
    fn pin(&self, segment: SegmentId) -> Option<(Bytes, Certificate)> {
        self.segments.lock().get(&segment).map(|(bytes, cert)| (Bytes::copy_from_slice(bytes), *cert))
    }

    fn roll(&self, hurt: SegmentId) {
        self.rolls.lock().push(hurt);
    }
}

#[async_trait]
impl FloorKeeper for Memory {
    async fn store_floor(&self, _log: LogId, floor: SegmentId) -> Result<(), FloorError> {
        if *self.is_dead.lock() {
            return Err(FloorError::Fenced("declared dead".into()));
        }
        let mut stored = self.floor.lock();
        *stored = stored.max(Some(floor));
        let mut fails = self.floor_fails.lock();
        if *fails > 0 {
            *fails -= 1;
            return Err(RemoteError::Unknown("the answer got lost".into()).into());
        }
        Ok(())
    }
}

pub struct Wires(BTreeMap<ServerId, Arc<Wire>>);

impl Backups for Wires {
    fn store(&self, server: ServerId) -> Arc<dyn BackupStore> {
        self.0[&server].clone()
    }
}

/// A master with its backups.
pub struct Running {
    pub world: World,
    pub memory: Arc<Memory>,
    pub wires: Arc<Wires>,
    pub sink: Arc<Replication>,
    list: Mutex<ServerList>,
    _task: Task,
}

impl Running {
    /// Servers 2, 3, .. are backups.
    pub fn new(backups: u64, replicas: usize) -> Self {
        let world = World::new(7);
        let node = world.node("master");
        let env = node.env();
        let memory = Arc::new(Memory::default());
        let wires: BTreeMap<ServerId, Arc<Wire>> = (2..2 + backups)
            .map(|id| {
                let store = MemoryStore::new(MemoryStoreConfig::new(ServerId(id)));
                let (how, writes) = (Mutex::new(How::Works), Mutex::new(Vec::new()));
                (ServerId(id), Arc::new(Wire { store, env: env.clone(), how, writes }))
            })
            .collect();
        let wires = Arc::new(Wires(wires));
        let config = ReplicatorConfig::new(LogId::of(MASTER), replicas, SEGMENT_BYTES);
        let verified = Arc::clone(&memory);
        let on_fenced = move || *verified.verified.lock() += 1;
        let sink = Replication::new(config, wires.clone(), memory.clone(), on_fenced).unwrap();
        let source: Arc<dyn SegmentSource> = memory.clone();
        sink.attach(Arc::downgrade(&source));
        let run = Arc::clone(&sink).run(env.clone());
        let _task = env.spawn.spawn("replication", Box::pin(async move { drop(run.await) }));
        let list = Mutex::new(servers(1, backups, &[]));
        let running = Self { world, memory, wires, sink, list, _task };
        running.push_list();
        running
    }

    pub fn wire(&self, server: u64) -> &Wire {
        &self.wires.0[&ServerId(server)]
    }

    /// Declares servers dead.
    pub fn declare_dead(&self, dead: &[u64]) {
        let version = self.list.lock().version().0 + 1;
        *self.list.lock() = servers(version, self.wires.0.len() as u64, dead);
        self.push_list();
    }

    fn push_list(&self) {
        for wire in self.wires.0.values() {
            wire.store.set_servers(&self.list.lock());
        }
        self.sink.update_servers(&self.list.lock());
    }

    /// Appends an entry of these bytes (4 at least) to a segment in memory; its certificate and the new bytes.
    pub fn fill(&self, segment: u64, bytes: &[u8]) -> (u32, Bytes, Certificate) {
        let mut segments = self.memory.segments.lock();
        let (all, cert) = segments.entry(SegmentId(segment)).or_default();
        let offset = all.len();
        if all.is_empty() {
            let (log, segment) = (LogId::of(MASTER), SegmentId(segment));
            all.extend(SegmentHeader { log, segment, capacity: SEGMENT_BYTES }.encode());
        }
        let mut header = [0; EntryHeader::LEN_MAX];
        let body_len = bytes.len() as u32;
        let len = EntryHeader { entry_type: EntryType::RPC_RESULT, body_len }.encode(&mut header);
        all.extend_from_slice(&header[..len]);
        all.extend_from_slice(bytes);
        *cert = CertificateCheck::certify(all).unwrap();
        (offset as u32, Bytes::copy_from_slice(&all[offset..]), *cert)
    }

    pub fn cert(&self, segment: u64) -> Certificate {
        self.memory.segments.lock()[&SegmentId(segment)].1
    }

    pub fn open(&self, segment: u64, after: Option<u64>) -> impl Future<Output = Sunk> + '_ {
        let (_, bytes, cert) = self.fill(segment, b"digest");
        let kind = rekindle_log::SegmentKind::Head;
        self.sink.open(SegmentId(segment), after.map(SegmentId), kind, bytes, cert)
    }

    pub fn append(&self, segment: u64, bytes: &[u8]) -> impl Future<Output = Sunk> + '_ {
        let (offset, bytes, cert) = self.fill(segment, bytes);
        self.sink.append(SegmentId(segment), offset, bytes, cert)
    }

    pub fn close(&self, segment: u64) -> impl Future<Output = Sunk> + '_ {
        self.sink.close(SegmentId(segment), self.cert(segment))
    }

    /// What the backups hold of a segment: server, length, open or closed.
    pub fn replicas(&self, segment: u64) -> Vec<(u64, u32, rekindle_backup::ReplicaState)> {
        let mut found = Vec::new();
        for (server, wire) in &self.wires.0 {
            if !self.list.lock().is_up(*server) {
                continue;
            }
            let inventory =
                self.world.block_on(wire.store.inventory(LogId::of(MASTER), self.list.lock().version()));
            let infos = inventory.unwrap();
            let mine = infos.iter().filter(|i| i.replica.segment == SegmentId(segment));
            found.extend(mine.map(|i| (server.0, i.certificate.length, i.state)));
        }
        found
    }
}

pub type Sunk = Result<(), rekindle_log::SinkError>;

fn servers(version: u64, backups: u64, dead: &[u64]) -> ServerList {
    let entries = (1..2 + backups).map(|id| ServerEntry {
        status: if dead.contains(&id) { ServerStatus::Dead } else { ServerStatus::Up },
        ..ServerEntry::up(ServerId(id), format!("server-{id}"))
    });
    ServerList::new(ListVersion(version), ServerId(2 + backups), entries)
}
