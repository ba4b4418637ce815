//! A store without a server: over a log, and a sink that keeps every replica it ever got.

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use rekindle_log::cleaner::Pass;
use rekindle_log::segment::{SegmentHeader, SegmentReader};
use rekindle_log::store::{Answer, Condition, Object, Replay, Store, StoreConfig, WriteOutcome};
use rekindle_log::{Certificate, Log, LogConfig, SegmentKind, SegmentSink, SegmentSource, SinkError};
use rekindle_types::{
    KeyRange, LogId, Partition, Rules, SegmentId, ServerId, TableId, Tablet, TabletState, TabletVersion,
    Version,
};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};

pub const TABLE: TableId = TableId(1);

/// Entries of a segment, as recovery gets them.
pub type Segments = Vec<(SegmentId, Vec<u8>)>;

/// Keeps what it gets, freed or not: the backup that should free it may be away. Appends and closes can be held up.
#[derive(Default)]
struct Keeper {
    replicas: Mutex<Vec<Replica>>,
    is_holding_up: AtomicBool,
}

struct Replica {
    segment: SegmentId,
    bytes: Vec<u8>,
    certificate: Certificate,
}

#[async_trait]
impl SegmentSink for Keeper {
    async fn open(
        &self,
        segment: SegmentId,
        _: Option<SegmentId>,
        _: SegmentKind,
        first_bytes: Bytes,
        certificate: Certificate,
    ) -> Result<(), SinkError> {
        self.replicas.lock().push(Replica { segment, bytes: first_bytes.to_vec(), certificate });
        Ok(())
    }

    async fn append(
        &self,
        segment: SegmentId,
        _: u32,
        bytes: Bytes,
        certificate: Certificate,
    ) -> Result<(), SinkError> {
        if self.is_holding_up.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let mut replicas = self.replicas.lock();
        let newest = replicas.iter_mut().rev().find(|r| r.segment == segment).expect("opened before");
        newest.bytes.extend_from_slice(&bytes);
        newest.certificate = certificate;
        Ok(())
    }

    async fn close(&self, _: SegmentId, _: Certificate) -> Result<(), SinkError> {
        if self.is_holding_up.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    async fn free(&self, _: SegmentId) -> Result<(), SinkError> {
        Ok(())
    }
}

pub struct KeptStore {
    pub store: Arc<Store>,
    rules: Rules,
    keeper: Arc<Keeper>,
    run: Pin<Box<dyn Future<Output = SinkError>>>,
}

impl KeptStore {
    pub fn new(rules: Rules) -> Self {
        let keeper = Arc::new(Keeper::default());
        let (segment_bytes, segments_max) = (64 << 10, 32);
        let config =
            LogConfig { segment_bytes, segments_max, rules, ..LogConfig::new(LogId::of(ServerId(1))) }
                .cleaned();
        let log = Log::new(config, keeper.clone()).expect("a valid configuration");
        let store = Store::new(log.clone(), StoreConfig { rules, ..StoreConfig::default() });
        let mut master = Self { store, rules, keeper, run: Box::pin(log.run()) };
        master.pump();
        master
    }

    pub fn pump(&mut self) {
        assert!(self.run.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }

    /// From now on nothing more becomes durable.
    pub fn hold_up(&mut self) {
        self.keeper.is_holding_up.store(true, Ordering::Relaxed);
    }

    pub fn put(&mut self, key: &str, value: &str) -> Version {
        let put = self.store.put(TABLE, key.as_bytes(), value.as_bytes(), Condition::Always);
        let WriteOutcome::Written(version) = *put.expect("room").value() else { panic!("no condition") };
        self.pump();
        version
    }

    pub fn delete(&mut self, key: &str) {
        let deleted = self.store.delete(TABLE, key.as_bytes(), Condition::Always).expect("room");
        assert!(matches!(deleted.value(), WriteOutcome::Deleted(_)));
        self.pump();
    }

    /// What a client would be shown now: the value, or an absence; `None` when the answer has to wait.
    pub fn shown(&self, key: &str) -> Option<Option<Bytes>> {
        self.out(self.store.get(TABLE, key.as_bytes()).expect("a valid key"))
    }

    /// What a client would be shown that asks for the durable state.
    pub fn shown_durable(&self, key: &str) -> Option<Option<Bytes>> {
        self.out(self.store.get_durable(TABLE, key.as_bytes()).expect("a valid key"))
    }

    fn out(&self, answer: Answer<Option<Object>>) -> Option<Option<Bytes>> {
        let (object, after) = answer.into_parts();
        (after <= self.store.log().durable()).then(|| object.map(|o| o.value))
    }

    /// Goes on in a new head. Returns the segment that was closed.
    pub fn roll(&mut self) -> SegmentId {
        let head = self.store.log().end().segment;
        self.store.log().roll(head);
        self.pump();
        head
    }

    /// Frees a segment, and waits until the log has left it behind.
    pub fn free(&mut self, segment: SegmentId) {
        assert!(self.store.log().free(segment), "{segment} is a closed segment of the log");
        self.roll();
        self.pump();
    }

    /// Plans to clean segments.
    pub fn begin_cleaning(&self, victims: &[SegmentId]) -> Option<Pass> {
        Pass::begin(&self.store, victims)
    }

    /// Moves what is needed of them, and waits until they have left the log.
    pub fn finish_cleaning(&mut self, mut pass: Pass) {
        assert_eq!(pass.step(usize::MAX), Ok(true));
        let mut commit = Box::pin(pass.commit().expect("the log goes on"));
        while commit.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            self.store.log().finish_cleaning();
            self.pump();
        }
    }

    /// Cleans segments.
    pub fn clean(&mut self, victims: &[SegmentId]) -> Result<(), String> {
        let pass = self.begin_cleaning(victims).ok_or("these can be cleaned into fewer")?;
        self.finish_cleaning(pass);
        Ok(())
    }

    pub fn replay(&self) -> Replay {
        let (owner, version, created) = (ServerId(1), TabletVersion(1), SegmentId(0));
        let (range, state) = (KeyRange::FULL, TabletState::Recovering);
        let tablet = Tablet { table: TABLE, range, owner, version, state, created };
        self.store.replay(Partition { pieces: vec![tablet] }, 1)
    }

    pub fn commit(&mut self, replay: Replay) {
        let mut commit = Box::pin(replay.commit());
        while commit.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            self.pump();
        }
    }

    /// The master is gone. What recovery finds: the segments of the newest digest, of each the replica with the
    /// longest certificate (H6).
    pub fn crash(self) -> Segments {
        let replicas = self.keeper.replicas.lock();
        let mut best: BTreeMap<SegmentId, &Replica> = BTreeMap::new();
        for replica in replicas.iter() {
            let kept = best.entry(replica.segment).or_insert(replica);
            if replica.certificate.length > kept.certificate.length {
                *kept = replica;
            }
        }
        let reader = |r: &Replica| SegmentReader::verified(&r.bytes, r.certificate).map(|r| r.digest());
        let digest = best.values().rev().find_map(|r| reader(r).expect("whole")).expect("there is a head");
        let entries = |r: &Replica| r.bytes[SegmentHeader::LEN..r.certificate.length as usize].to_vec();
        digest.into_iter().map(|id| (id, entries(best[&id]))).collect()
    }

    /// Another master takes over.
    pub fn recover(segments: &Segments, rules: Rules) -> Self {
        let mut master = Self::new(rules);
        let replay = master.replay();
        for (from, entries) in segments {
            replay.apply(*from, entries).expect("whole");
        }
        master.commit(replay);
        master
    }

    /// The master crashes and another one takes over.
    pub fn crash_and_recover(self) -> Self {
        let rules = self.rules;
        Self::recover(&self.crash(), rules)
    }
}
