//! The real log over the real replicator, on a network that loses, delays and falls silent, while backups die: at any
//! instant a crash leaves all that was acknowledged, in every replica that a recovery may choose (H1 to H7, P1 to P3).

use async_trait::async_trait;
use parking_lot::Mutex;
use rekindle_backup::replicator::ReplicatorConfig;
use rekindle_backup::{
    BackupError, BackupStats, BackupStore, Backups, FloorError, FloorKeeper, LoadRequest, Loaded,
    MemoryStore, MemoryStoreConfig, ReadPlan, ReplicaFree, ReplicaInfo, ReplicaWrite, Replication,
};
use rekindle_env::memory::World;
use rekindle_env::{Env, Rng, Task};
use rekindle_log::segment::{EntryDraft, LogTime, ObjectEntry, Parsed, SegmentReader};
use rekindle_log::{CommittedAt, Log, LogConfig, LogError, SegmentSource, SideLog};
use rekindle_recovery::discover;
use rekindle_types::{
    ListVersion, LogId, Position, RemoteError, ReplicaId, Rules, SegmentId, ServerEntry, ServerId,
    ServerList, ServerStatus, TableId, Version,
};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::oneshot;

const MASTER: ServerId = ServerId(1);
const LOG: LogId = LogId::of(MASTER);
/// R and the number of backups, by seed.
const SIZES: [(usize, u64); 4] = [(3, 7), (2, 3), (2, 4), (1, 3)];
/// How bad the network is, by seed.
const BADNESS: [u64; 3] = [1, 4, 0];

/// A backup behind a bad network. Calls are delivered by tasks of the network: also those that nobody waits for.
struct Wire {
    store: Arc<MemoryStore>,
    net: Env,
    rng: Arc<dyn Rng>,
    badness: Arc<Mutex<u64>>,
    /// Answers get lost until then.
    mute_until: Mutex<u64>,
    tasks: Arc<Mutex<Vec<Task>>>,
}

impl Wire {
    fn chance(&self, percent: u64) -> bool {
        self.rng.below(100) < percent * *self.badness.lock()
    }

    async fn carry<F>(&self, deliver: impl FnOnce(Arc<MemoryStore>) -> F) -> Result<(), BackupError>
    where
        F: Future<Output = Result<(), BackupError>> + Send + 'static,
    {
        if self.chance(2) {
            return Err(RemoteError::NotDone("no connection".into()).into());
        }
        if self.chance(1) {
            return Err(BackupError::NoRoom { frames: 0 });
        }
        if self.chance(1) {
            *self.mute_until.lock() = self.net.clock.now().0 + self.rng.below(4_000_000_000);
        }
        let slow = if self.chance(5) { 4_000_000 } else { 2_000 };
        let delay = Duration::from_micros(self.rng.below(slow));
        let (answer, received) = oneshot::channel();
        let (clock, made) = (Arc::clone(&self.net.clock), deliver(Arc::clone(&self.store)));
        let task = self.net.spawn.spawn(
            "delivery",
            Box::pin(async move {
                clock.sleep(delay).await;
                let _ = answer.send(made.await);
            }),
        );
        self.tasks.lock().push(task);
        let is_lost = self.chance(2);
        if is_lost {
            self.net.clock.sleep(Duration::from_millis(self.rng.below(10))).await;
            return Err(RemoteError::Unknown("reset".into()).into());
        }
        let answer = received.await.unwrap_or(Err(RemoteError::Unknown("gone".into()).into()));
        if self.net.clock.now().0 < *self.mute_until.lock() {
            std::future::pending::<()>().await;
        }
        answer
    }
}

#[async_trait]
impl BackupStore for Wire {
    async fn write(&self, write: ReplicaWrite) -> Result<(), BackupError> {
        self.carry(|store| async move { store.write(write).await }).await
    }

    async fn free(&self, free: ReplicaFree) -> Result<(), BackupError> {
        self.carry(|store| async move { store.free(free).await }).await
    }

    async fn inventory(&self, log: LogId, at: ListVersion) -> Result<Vec<ReplicaInfo>, BackupError> {
        self.store.inventory(log, at).await
    }

    async fn start_recovery(&self, log: LogId, plan: ReadPlan) -> Result<(), BackupError> {
        self.store.start_recovery(log, plan).await
    }

    async fn load(&self, replica: ReplicaId, want: LoadRequest) -> Result<Loaded, BackupError> {
        self.store.load(replica, want).await
    }

    async fn stats(&self) -> BackupStats {
        self.store.stats().await
    }
}

struct Wires(BTreeMap<ServerId, Arc<Wire>>);

impl Backups for Wires {
    fn store(&self, server: ServerId) -> Arc<dyn BackupStore> {
        self.0[&server].clone()
    }
}

/// Keeps the floor, from the living only, and answers late or never.
struct Coordinator {
    net: Env,
    rng: Arc<dyn Rng>,
    floor: Mutex<SegmentId>,
    is_dead: Mutex<bool>,
}

#[async_trait]
impl FloorKeeper for Coordinator {
    async fn store_floor(&self, _: LogId, floor: SegmentId) -> Result<(), FloorError> {
        self.net.clock.sleep(Duration::from_micros(self.rng.below(50_000))).await;
        if *self.is_dead.lock() {
            return Err(FloorError::Fenced("dead".into()));
        }
        let mut stored = self.floor.lock();
        *stored = (*stored).max(floor);
        if self.rng.below(3) == 0 {
            return Err(RemoteError::Unknown("reset".into()).into());
        }
        Ok(())
    }
}

type Commit = Pin<Box<dyn Future<Output = Result<CommittedAt, LogError>>>>;
/// A key and the segment that it lies in.
type Written = (Vec<u8>, SegmentId);

struct Play {
    world: World,
    rng: Arc<dyn Rng>,
    wires: Arc<Wires>,
    badness: Arc<Mutex<u64>>,
    replicas: usize,
    coordinator: Arc<Coordinator>,
    sink: Arc<Replication>,
    log: Arc<Log>,
    runs: Vec<Task>,
    list: u64,
    dead: BTreeSet<u64>,
    keys: u64,
    appended: Vec<(Written, Position)>,
    sides: Vec<(SideLog, Vec<Written>)>,
    commits: Vec<(Commit, Vec<Written>)>,
    committed: Vec<Written>,
    freed: BTreeSet<SegmentId>,
}

impl Play {
    fn new(seed: u64, rules: Rules) -> Self {
        let world = World::new(seed);
        let (net, env) = (world.node("net").env(), world.node("master").env());
        let rng = world.rng("play");
        let badness = Arc::new(Mutex::new(BADNESS[(seed / 4 % 3) as usize]));
        let (replicas, backups) = SIZES[(seed % 4) as usize];
        let wires = (2..2 + backups).map(|id| {
            let wire = Wire {
                store: Arc::new(MemoryStore::new(MemoryStoreConfig::new(ServerId(id)))),
                net: net.clone(),
                rng: world.rng(&format!("wire {id}")),
                badness: Arc::clone(&badness),
                mute_until: Mutex::new(0),
                tasks: Arc::default(),
            };
            (ServerId(id), Arc::new(wire))
        });
        let wires = Arc::new(Wires(wires.collect()));
        let (floor, is_dead) = (Mutex::new(SegmentId(0)), Mutex::new(false));
        let coordinator = Arc::new(Coordinator { net, rng: world.rng("coordinator"), floor, is_dead });
        let mut config = LogConfig::new(LOG);
        (config.segment_bytes, config.segments_max) = (64 << 10, 24);
        let mut replication = ReplicatorConfig::new(LOG, replicas, config.segment_bytes);
        (replication.chunk_bytes, replication.seed, replication.rules) = (10_000, seed, rules);
        let sink = Replication::new(replication, wires.clone(), coordinator.clone(), || ()).unwrap();
        let log = Log::new(config, sink.clone()).unwrap();
        let source: Arc<dyn SegmentSource> = log.clone();
        sink.attach(Arc::downgrade(&source));
        let (run, drive) = (Arc::clone(&sink).run(env.clone()), Arc::clone(&log).run());
        let runs = vec![
            env.spawn.spawn("replication", Box::pin(async move { drop(run.await) })),
            env.spawn.spawn("log", Box::pin(async move { drop(drive.await) })),
        ];
        let mut play = Self {
            world,
            rng,
            wires,
            badness,
            replicas,
            coordinator,
            sink,
            log,
            runs,
            list: 0,
            dead: BTreeSet::new(),
            keys: 0,
            appended: Vec::new(),
            sides: Vec::new(),
            commits: Vec::new(),
            committed: Vec::new(),
            freed: BTreeSet::new(),
        };
        play.push_list();
        play
    }

    fn push_list(&mut self) {
        self.list += 1;
        let backups = self.wires.0.len() as u64;
        let entries = (1..2 + backups).map(|id| ServerEntry {
            status: if self.dead.contains(&id) { ServerStatus::Dead } else { ServerStatus::Up },
            ..ServerEntry::up(ServerId(id), format!("server-{id}"))
        });
        let list = ServerList::new(ListVersion(self.list), ServerId(2 + backups), entries);
        self.wires.0.values().for_each(|wire| wire.store.set_servers(&list));
        self.sink.update_servers(&list);
    }

    fn below(&self, bound: usize) -> usize {
        self.rng.below(bound as u64) as usize
    }

    fn next(&mut self) -> (Vec<u8>, Vec<u8>) {
        self.keys += 1;
        let bytes = if self.below(3) == 0 { 8_000 } else { 20 };
        (self.keys.to_be_bytes().to_vec(), vec![7; bytes])
    }

    fn step(&mut self) {
        match self.below(100) {
            0..45 => {
                let (key, value) = self.next();
                if let Ok(appended) = self.log.append(&[object(&key, &value)]) {
                    self.appended.push(((key, appended.end.segment), appended.end));
                }
            }
            45..48 if self.sides.len() < 2 => self.sides.push((self.log.side_log(), Vec::new())),
            48..60 if !self.sides.is_empty() => {
                let (key, value) = self.next();
                let at = self.below(self.sides.len());
                let (side, keys) = &mut self.sides[at];
                if let Ok(appended) = side.append(&object(&key, &value)) {
                    keys.push((key, appended.end.segment));
                }
            }
            60..62 if !self.sides.is_empty() => {
                let (side, keys) = self.sides.remove(0);
                self.commits.push((Box::pin(side.commit()), keys));
            }
            62 if !self.sides.is_empty() => drop(self.sides.remove(0)),
            63..66 => {
                let segments = self.log.segments();
                let segment = segments[self.below(segments.len())];
                if self.log.free(segment) {
                    self.freed.insert(segment);
                }
            }
            66 if self.dead.len() + 1 < self.replicas && self.below(4) == 0 => {
                self.dead.insert(2 + self.rng.below(self.wires.0.len() as u64));
                self.push_list();
            }
            67..70 => self.world.run_for(Duration::from_millis(self.rng.below(700))),
            _ => self.world.run_for(Duration::from_micros(self.rng.below(5_000))),
        }
        self.poll_commits();
    }

    fn poll_commits(&mut self) {
        for (mut commit, keys) in std::mem::take(&mut self.commits) {
            match commit.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(committed) => {
                    committed.unwrap();
                    self.committed.extend(keys);
                }
                Poll::Pending => self.commits.push((commit, keys)),
            }
        }
    }

    /// Stops soon after a head was hurt, which is when most can go wrong.
    fn step_past_a_hurt_head(&mut self) {
        let hurt = self.sink.stats().hurt;
        for _ in 0..500 {
            if self.sink.stats().hurt > hurt {
                break;
            }
            self.step();
        }
        for _ in 0..self.below(80) {
            self.step();
        }
    }

    /// The network becomes good, and everything comes to rest.
    fn settle(&mut self) {
        *self.badness.lock() = 0;
        self.sides.clear();
        for _ in 0..60 {
            self.world.run_for(Duration::from_secs(1));
            self.poll_commits();
        }
        assert_eq!(self.log.failed(), None);
        let end = self.appended.last().map_or(Position::default(), |(_, end)| *end);
        assert!(self.log.durable() >= end, "{:?} {end:?} {:?}", self.log.stats(), self.sink.stats());
        assert!(self.commits.is_empty(), "{:?} {:?}", self.log.stats(), self.sink.stats());
        let stats = self.sink.stats();
        assert_eq!((stats.unsettled, stats.calls), (1, 0), "the head alone: {stats:?}");
        assert_eq!(stats.segments, self.log.stats().segments as usize, "nothing is kept for ever");
    }

    /// The master dies. Backups are asked one by one, while late calls go on; as many as may have died do not answer.
    fn crash(mut self) -> usize {
        let durable = self.log.durable();
        self.poll_commits();
        self.runs.clear();
        *self.coordinator.is_dead.lock() = true;
        let mut servers: Vec<ServerId> =
            self.wires.0.keys().copied().filter(|id| !self.dead.contains(&id.0)).collect();
        for _ in self.dead.len()..self.replicas - 1 {
            servers.remove(self.below(servers.len()));
        }
        let mut inventories = Vec::new();
        while !servers.is_empty() {
            let server = servers.remove(self.below(servers.len()));
            let listed = self.wires.0[&server].store.inventory(LOG, ListVersion(self.list));
            inventories.push((server, self.world.block_on(listed).unwrap()));
            self.world.run_for(Duration::from_micros(self.rng.below(20_000)));
        }
        let floor = *self.coordinator.floor.lock();
        if durable == Position::default() {
            return 0;
        }
        let map = discover(LOG, &inventories, floor).unwrap();
        let mut found: BTreeSet<Vec<u8>> = BTreeSet::new();
        for segment in &map.segments {
            let keys = segment.replicas.iter().map(|replica| {
                let store = &self.wires.0[&replica.server].store;
                let loaded = self.world.block_on(store.load(replica.replica, LoadRequest::Whole)).unwrap();
                keys(&loaded)
            });
            // Whichever replica is read: what only some of them have is nowhere.
            found.extend(keys.reduce(|all, keys| &all & &keys).unwrap());
        }
        let acknowledged =
            self.appended.iter().filter(|(_, end)| *end <= durable).map(|(written, _)| written);
        for (key, segment) in acknowledged.chain(&self.committed) {
            let is_there = found.contains(key) || self.freed.contains(segment);
            assert!(
                is_there,
                "{key:?} of {segment} is lost; head {}, floor {floor}, durable {durable:?}",
                map.head
            );
        }
        for (key, _) in self.sides.iter().flat_map(|(_, keys)| keys) {
            assert!(!found.contains(key), "{key:?} is in a side log that was not committed");
        }
        map.head.0 as usize
    }
}

fn object<'a>(key: &'a [u8], value: &'a [u8]) -> EntryDraft<'a> {
    let (table, version, timestamp) = (TableId(1), Version(1), LogTime(0));
    EntryDraft::Object(ObjectEntry { table, version, timestamp, replaces: None, expiry: None, key, value })
}

fn keys(loaded: &Loaded) -> BTreeSet<Vec<u8>> {
    let reader = SegmentReader::verified(&loaded.bytes, loaded.certificate).unwrap();
    let parsed = reader.entries().map(|entry| entry.unwrap().parse().unwrap());
    let keys = parsed.filter_map(|parsed| match parsed {
        Parsed::Object(object) => Some(object.key.to_vec()),
        _ => None,
    });
    keys.collect()
}

fn play(seed: u64, rules: Rules) -> usize {
    let mut play = Play::new(seed, rules);
    for _ in 0..play.below(2_000) {
        play.step();
    }
    match seed % 5 {
        0 => play.settle(),
        1 => {}
        _ => play.step_past_a_hurt_head(),
    }
    play.crash()
}

fn play_all(seeds: u64) {
    let heads: usize = (0..seeds).map(|seed| play(seed, Rules::default())).sum();
    assert!(heads > 5 * seeds as usize, "{heads} heads in {seeds} plays");
}

#[test]
fn a_crash_at_any_instant_loses_nothing_acknowledged() {
    play_all(32);
}

#[test]
#[ignore = "minutes: the full form"]
fn a_crash_at_any_instant_loses_nothing_acknowledged_in_full() {
    play_all(3_000);
}

/// The plays are bad enough to need the rules.
#[cfg(feature = "mutations")]
#[test]
fn without_h5_or_p2_something_is_lost() {
    for rule in [rekindle_types::Rule::H5, rekindle_types::Rule::P2] {
        let fails = |seed| std::panic::catch_unwind(|| play(seed, Rules::without(rule))).is_err();
        assert!((0..100).any(fails), "{rule:?}");
    }
}
