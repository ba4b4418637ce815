//! One master without a cluster: its log is durable at once, its orders come by hand.

use async_trait::async_trait;
use bytes::Bytes;
use rekindle_backup::{
    BackupError, BackupStats, BackupStore, Backups, LoadRequest, Loaded, ReadPlan, ReplicaFree, ReplicaInfo,
    ReplicaWrite,
};
use rekindle_cluster::{
    control::{RangeParts, Ranges},
    master::Tablets,
    server::{Reports, Tasks},
};
use rekindle_coordinator::{ControlError, ReplayOrder, Report, TabletGrant};
use rekindle_env::{Env, memory::World};
use rekindle_log::{
    Log, LogConfig, SegmentSource, Volatile,
    segment::SegmentHeader,
    store::{Condition, Store, StoreConfig},
};
use rekindle_recovery::{ReplayConfig, ReplicaSource, SegmentReplicas};
use rekindle_types::{
    Attempt, CreationNumber, KeyRange, ListVersion, LogId, Lsn, Partition, PartitionIndex, PartitionOutcome,
    ReplicaId, Rules, SegmentId, ServerId, ServerList, TableId, Tablet, TabletState, TabletVersion,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub const TABLE: TableId = TableId(1);

/// What is left of a dead master: the entries of each of its segments.
pub type Remains = BTreeMap<SegmentId, Bytes>;

/// Hands out what is left of dead masters.
struct Graveyard(BTreeMap<ServerId, Remains>, Env);

pub struct LoneMaster<'w> {
    world: &'w World,
    pub env: Env,
    pub server: ServerId,
    pub log: Arc<Log>,
    pub store: Arc<Store>,
    pub tablets: Arc<Tablets>,
    pub ranges: Arc<Ranges>,
    _tasks: Arc<Tasks>,
}

impl<'w> LoneMaster<'w> {
    pub fn new(world: &'w World, id: u64, graves: &[(&Self, Remains)], rules: Rules) -> Self {
        let server = ServerId(id);
        let env = world.node(&format!("{server}")).env();
        let tasks = Arc::new(Tasks::new(&env));
        let log = Log::new(LogConfig::new(LogId::of(server)), Arc::new(Volatile)).expect("a valid config");
        let run = log.clone().run();
        tasks.start("log", async move { drop(run.await) });
        let store = Store::new(log.clone(), StoreConfig::default());
        let tablets = Arc::new(Tablets::new(rules));
        let graves = graves.iter().map(|(master, remains)| (master.server, remains.clone())).collect();
        let ranges = Ranges::new(RangeParts {
            env: env.clone(),
            tasks: Arc::downgrade(&tasks),
            tablets: tablets.clone(),
            log: log.clone(),
            store: store.clone(),
            backups: Arc::new(Graveyard(graves, env.clone())),
            replay: ReplayConfig::default(),
            replay_lanes: 2,
            rules,
        });
        Self { world, env, server, log, store, tablets, ranges, _tasks: tasks }
    }

    pub fn put(&self, key: &str, value: &str) {
        let put = self.store.put(TABLE, key.as_bytes(), value.as_bytes(), Condition::Always);
        assert!(put.is_ok(), "{put:?}");
    }

    pub fn delete(&self, key: &str) {
        let deleted = self.store.delete(TABLE, key.as_bytes(), Condition::Always);
        assert!(deleted.is_ok(), "{deleted:?}");
    }

    pub fn get(&self, key: &str) -> Option<Bytes> {
        let found = self.store.get(TABLE, key.as_bytes()).expect("a valid key");
        found.value().as_ref().map(|object| object.value.clone())
    }

    /// What backups would hand out of its log, were it to die now.
    pub fn remains(&self) -> Remains {
        let entries = |id| Some((id, self.log.pin(id)?.0.slice(SegmentHeader::LEN..)));
        self.log.segments().into_iter().filter_map(entries).collect()
    }

    /// Orders it to take the whole table from a dead master, newest segments first. `created` is the dead one's
    /// position.
    pub fn order_replay(
        &self,
        cause: u64,
        attempt: u32,
        dead: (&Self, &Remains),
        created: SegmentId,
    ) -> Result<Report, ControlError> {
        self.order_replay_of(1, cause, attempt, dead, created)
    }

    /// The same, of a partition of so many bytes.
    pub fn order_replay_of(
        &self,
        bytes: u64,
        cause: u64,
        attempt: u32,
        dead: (&Self, &Remains),
        created: SegmentId,
    ) -> Result<Report, ControlError> {
        let order = self.replay_order(cause, dead, KeyRange::FULL, created);
        self.order(ReplayOrder { attempt: Attempt(attempt), bytes, ..order })
    }

    /// Orders it to do as it says.
    pub fn order(&self, order: ReplayOrder) -> Result<Report, ControlError> {
        self.world.block_on(self.ranges.replay(order))
    }

    /// The order to take a range from a dead master, as partition 0.
    pub fn replay_order(
        &self,
        cause: u64,
        dead: (&Self, &Remains),
        range: KeyRange,
        created: SegmentId,
    ) -> ReplayOrder {
        let piece = Tablet {
            table: TABLE,
            range,
            owner: dead.0.server,
            version: TabletVersion(1),
            state: TabletState::Recovering,
            created,
        };
        let replicas = |segment: SegmentId| SegmentReplicas {
            segment,
            replicas: vec![ReplicaSource {
                server: dead.0.server,
                replica: replica(dead.0.server, segment),
                length: 0,
                checksum: 0,
            }],
        };
        ReplayOrder {
            cause: Lsn(cause),
            crashed: LogId::of(dead.0.server),
            partition: PartitionIndex(0),
            attempt: Attempt(1),
            pieces: Partition { pieces: vec![piece] },
            bytes: 1,
            segments: dead.1.keys().rev().map(|id| replicas(*id)).collect(),
            list: ListVersion(1),
        }
    }

    /// Takes the table over and serves it. Returns its creation position here.
    pub fn take_over(&self, causes: (u64, u64), dead: (&Self, &Remains), created: SegmentId) -> SegmentId {
        self.order_replay(causes.0, 1, dead, created).expect("taken");
        let created = self.committed();
        let replayed = Some((LogId::of(dead.0.server), PartitionIndex(0), Attempt(1)));
        let (version, range) = (TabletVersion(causes.1), KeyRange::FULL);
        let served = self.serve(causes.1, &[TabletGrant { table: TABLE, range, version, created, replayed }]);
        assert_eq!(served, Ok(Report::Done));
        created
    }

    pub fn serve(&self, cause: u64, grants: &[TabletGrant]) -> Result<Report, ControlError> {
        self.world.block_on(self.ranges.serve(Lsn(cause), grants))
    }

    pub fn discard(&self, cause: u64, dead: &Self, attempt: u32) -> Result<Report, ControlError> {
        let partition = (LogId::of(dead.server), PartitionIndex(0));
        self.world.block_on(self.ranges.discard(Lsn(cause), partition, Attempt(attempt)))
    }

    /// Orders it to forget the whole table.
    pub fn drop_table(&self, cause: u64) -> Result<Report, ControlError> {
        self.world.block_on(self.ranges.drop_range(Lsn(cause), TABLE, KeyRange::FULL))
    }

    pub fn end_recoveries(&self, list: &ServerList) {
        self.world.block_on(self.ranges.end_recoveries(list));
    }

    /// Waits for the result of the one replay that is under way: its position.
    pub fn committed(&self) -> SegmentId {
        self.world.run_for(Duration::from_secs(1));
        match self.ranges.pending().first().map(|report| &report.outcome) {
            Some(PartitionOutcome::Committed { created, .. }) => *created,
            other => panic!("not committed: {other:?}"),
        }
    }
}

fn replica(server: ServerId, segment: SegmentId) -> ReplicaId {
    ReplicaId { log: LogId::of(server), segment, creation: CreationNumber(1) }
}

impl Backups for Graveyard {
    fn store(&self, server: ServerId) -> Arc<dyn BackupStore> {
        Arc::new(Grave(self.0.get(&server).cloned().unwrap_or_default(), self.1.clone()))
    }
}

/// How long a load of partition 0 takes.
const LOAD: Duration = Duration::from_millis(1);

/// Loads, and nothing else; partition 0 takes its time.
struct Grave(Remains, Env);

#[async_trait]
impl BackupStore for Grave {
    async fn write(&self, write: ReplicaWrite) -> Result<(), BackupError> {
        Err(BackupError::Closed(write.replica))
    }

    async fn free(&self, _: ReplicaFree) -> Result<(), BackupError> {
        Ok(())
    }

    async fn inventory(&self, _: LogId, _: ListVersion) -> Result<Vec<ReplicaInfo>, BackupError> {
        Ok(Vec::new())
    }

    async fn start_recovery(&self, _: LogId, _: ReadPlan) -> Result<(), BackupError> {
        Ok(())
    }

    async fn load(&self, replica: ReplicaId, what: LoadRequest) -> Result<Loaded, BackupError> {
        if matches!(what, LoadRequest::Filtered { index: PartitionIndex(0), .. }) {
            self.1.clock.sleep(LOAD).await;
        }
        let bytes = self.0.get(&replica.segment).cloned().ok_or(BackupError::NotOpen(replica))?;
        Ok(Loaded { bytes, certificate: Default::default() })
    }

    async fn stats(&self) -> BackupStats {
        BackupStats::default()
    }
}
