//! What the parts of a coordinator share.

use super::{
    changes::{Changes, ChangesSeen},
    coordinator::Stopped,
    discovery::FoundLog,
    scribe::Entry,
};
use crate::lease::lease_bound;
use crate::room::Rooms;
use crate::{
    ClusterState, CoordinatorConfig, Detector, DetectorAction, Event, Leadership, Leases, MetaLog, Observer,
    ServerControl,
};
use parking_lot::Mutex;
use rekindle_backup::BackupStore;
use rekindle_env::{Clock, Time};
use rekindle_recovery::EvenPlanner;
use rekindle_types::{
    Attempt, ListVersion, LogId, PartitionIndex, PartitionOutcome, Rule, ServerEntry, ServerId, Term,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// Finds servers: local ones, or stubs that speak the wire. Never fails: calls to a server that is gone do.
pub trait Servers: Send + Sync {
    /// Whom to order.
    fn control(&self, server: &ServerEntry) -> Arc<dyn ServerControl>;

    /// Its backup.
    fn store(&self, server: &ServerEntry) -> Arc<dyn BackupStore>;
}

/// Shared by all futures of one coordinator. Locks: `inner`, then any one of the small ones, which are leaves. None is
/// held over an await, or when the observer or a server is called.
pub(super) struct Core {
    pub config: CoordinatorConfig,
    pub term: Term,
    pub clock: Arc<dyn Clock>,
    pub meta: Arc<dyn MetaLog>,
    pub servers: Arc<dyn Servers>,
    pub observer: Arc<dyn Observer>,
    pub inner: Mutex<Inner>,
    /// O2: plans are made by whoever has the planner, one after another, each against what is recorded.
    pub planner: tokio::sync::Mutex<EvenPlanner>,
    pub scribe: mpsc::Sender<Entry>,
    pub stopped: OnceLock<Stopped>,
    /// What discovery has found, on its way from the plan to the replay.
    pub found: Mutex<BTreeMap<LogId, FoundLog>>,
    /// What servers have left, as they told this reign; taken last, also under `inner`.
    pub rooms: Mutex<Rooms>,
    /// Logs of which something could not be read or replayed, and nothing was since; taken last.
    pub stuck: Mutex<BTreeSet<LogId>>,
    /// Wakes the vigil: there are probes to be made, or the reign is over.
    pub hinted: Notify,
    changes: Arc<Changes>,
}

/// What changes.
pub(super) struct Inner {
    pub state: ClusterState,
    pub detector: Detector,
    pub leases: Leases,
    /// What recovery masters say about present attempts; the newest word of each.
    pub reports: BTreeMap<(LogId, PartitionIndex), (ServerId, Attempt, PartitionOutcome)>,
    /// Bytes that present attempts have replayed, as told last: for the status.
    pub replayed: BTreeMap<(LogId, PartitionIndex), (Attempt, u64)>,
    /// The list that each server is known to hold.
    pub lists: BTreeMap<ServerId, ListVersion>,
    /// Probes that hints asked for: one per suspect at most.
    pub probes: Vec<DetectorAction>,
    /// Dead by all signs, until somebody begins to record it; who is heard before that is so no more.
    pub condemned: BTreeSet<ServerId>,
}

impl Core {
    pub fn new(
        config: CoordinatorConfig,
        term: Term,
        clock: Arc<dyn Clock>,
        seams: (Arc<dyn MetaLog>, Arc<dyn Servers>, Arc<dyn Observer>),
        state: ClusterState,
        scribe: mpsc::Sender<Entry>,
    ) -> Self {
        let now = clock.now();
        let known: Vec<ServerId> = state.servers().up().map(|s| s.id).collect();
        let (meta, servers, observer) = seams;
        // F3: what coordinators before this one have granted may be longer than what this one grants.
        let former = lease_bound(Duration::from_millis(state.lease_ms_max().into()));
        let inner = Inner {
            detector: Detector::new(config.times, now, known),
            leases: Leases::new(now + former, lease_bound(config.times.lease)),
            state,
            reports: BTreeMap::new(),
            replayed: BTreeMap::new(),
            lists: BTreeMap::new(),
            probes: Vec::new(),
            condemned: BTreeSet::new(),
        };
        Self {
            config,
            term,
            clock,
            meta,
            servers,
            observer,
            inner: Mutex::new(inner),
            planner: tokio::sync::Mutex::new(EvenPlanner),
            scribe,
            stopped: OnceLock::new(),
            found: Mutex::default(),
            rooms: Mutex::default(),
            stuck: Mutex::default(),
            hinted: Notify::new(),
            changes: Arc::default(),
        }
    }

    /// F4: whether this reign still bounds leases. A renewal that is checked here was sent before, and a successor
    /// waits from after its beginning for all that was granted until then (F3). Otherwise this reign ends.
    pub fn leads(&self) -> bool {
        if !self.config.rules.on(Rule::F4) {
            return true;
        }
        match self.meta.leadership(self.term) {
            Leadership::Valid => return true,
            Leadership::Over { newest } if newest > self.term => self.stop(Stopped::Deposed(newest)),
            Leadership::Over { .. } => self.stop(Stopped::Failed("the meta log is held no more".into())),
        }
        false
    }

    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Looks at the recorded state.
    pub fn read<T>(&self, look: impl FnOnce(&ClusterState) -> T) -> T {
        look(&self.inner.lock().state)
    }

    pub fn is_up(&self, server: ServerId) -> bool {
        self.read(|state| state.servers().is_up(server))
    }

    pub fn observe(&self, event: &Event) {
        self.observer.observe(self.now(), event);
    }

    /// Wakes everybody who waits for a change.
    pub fn notify(&self) {
        self.changes.note();
    }

    /// To wait for changes that happen from now on.
    pub(super) fn changes(&self) -> ChangesSeen {
        self.changes.watch()
    }

    /// Ends this coordinator: no call is answered from now on.
    pub fn stop(&self, why: Stopped) {
        if self.stopped.set(why).is_ok() {
            let why = self.stopped.get().expect("just set");
            self.observe(&Event::Resigned(why.to_string()));
        }
        self.hinted.notify_one();
        self.notify();
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped.get().is_some()
    }

    /// Waits for a change, `patience` at most.
    pub(super) async fn wait(&self, changes: &mut ChangesSeen, patience: Duration) {
        let timeout = self.clock.sleep(patience);
        let change = std::pin::pin!(changes.changed());
        futures_util::future::select(change, timeout).await;
    }

    /// Waits until `is_so`.
    pub async fn until(&self, mut is_so: impl FnMut(&Inner) -> bool) {
        let mut changes = self.changes();
        while !is_so(&self.inner.lock()) {
            changes.changed().await;
        }
    }
}
