//! What a client knows of the cluster: the tablet map and where the owners are, refreshed once for all callers.

use crate::{ClientConfig, Masters};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Either, Shared, select},
};
use parking_lot::Mutex;
use rekindle_env::{Clock, Env, Task, Time};
use rekindle_types::{
    CoordinatorApi, KeyHash, Refusal, RemoteError, Reply, Request, ServerEntry, ServerId, ServerList,
    TableId, Tablet, TabletMap, TabletState, TabletVersion,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::oneshot;

/// One state of knowledge.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// Which fetch it came from: a caller that found a view stale names its number.
    pub(crate) number: u64,
    map: Arc<TabletMap>,
    servers: ServerList,
}

/// Whom to ask about a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// This master, naming this tablet.
    Ask(&'a Tablet, &'a ServerEntry),
    /// Nobody at present: its owner died, or is not known yet.
    Wait,
    /// Nobody: there is no such table.
    NoTable,
}

impl View {
    pub(crate) fn route(&self, table: TableId, hash: KeyHash) -> Route<'_> {
        if self.map.table_name(table).is_none() {
            return Route::NoTable;
        }
        let tablet = self.map.lookup(table, hash).filter(|t| t.state == TabletState::Normal);
        let owner = tablet.filter(|t| self.servers.is_up(t.owner)).and_then(|t| self.servers.entry(t.owner));
        match (tablet, owner) {
            (Some(tablet), Some(owner)) => Route::Ask(tablet, owner),
            _ => Route::Wait,
        }
    }

    /// Whether the server is dead: it will answer nothing any more.
    pub(crate) fn is_gone(&self, server: ServerId) -> bool {
        self.servers.is_gone(server)
    }

    pub(crate) fn table(&self, name: &str) -> Option<TableId> {
        self.map.table(name)
    }
}

/// Keeps the newest view.
pub(crate) struct Views {
    source: Arc<Source>,
    env: Env,
    fetch: Mutex<Option<Fetch>>,
}

/// A fetch, and whoever waits for it. It is a task of its own: a caller who sleeps in the middle of a call, or gives it
/// up, holds nobody else up.
struct Fetch {
    outcome: Outcome,
    /// One clone here, one with each who waits.
    waiting: Arc<()>,
    /// Ends with the client.
    _task: Task,
}

type Fetched = Result<Arc<View>, Pause>;
type Outcome = Shared<BoxFuture<'static, Fetched>>;

impl Views {
    pub(crate) fn new(
        coordinator: Arc<dyn CoordinatorApi>,
        masters: Arc<dyn Masters>,
        config: &ClientConfig,
        env: Env,
    ) -> Self {
        let source = Source {
            coordinator,
            masters,
            clock: env.clock.clone(),
            interval: config.refresh_interval,
            patience: config.timeout.max(PATIENCE_MIN),
            present: Mutex::default(),
            asked: AtomicU64::new(0),
            ended: Mutex::default(),
        };
        Self { source: Arc::new(source), env, fetch: Mutex::default() }
    }

    /// The newest view; number 0 is nothing at all.
    pub(crate) fn present(&self) -> Arc<View> {
        self.source.present.lock().clone()
    }

    /// A view with a greater number than this shows the cluster as it was now or later: its fetch is still to be asked
    /// for. The one that is under way may have been answered before the caller's call began.
    pub(crate) fn asked(&self) -> u64 {
        self.source.asked.load(Ordering::Relaxed)
    }

    /// A view newer than number `stale`, fetched for this caller or for another.
    pub(crate) async fn newer_than(&self, stale: u64) -> Fetched {
        loop {
            let present = self.present();
            if present.number > stale {
                return Ok(present);
            }
            // One that was asked for too early is waited for all the same: there is one at a time.
            let (outcome, _waiting) = self.fetch();
            let fetched = outcome.await?;
            if fetched.number > stale {
                return Ok(fetched);
            }
        }
    }

    /// The fetch that is under way for somebody, or a new one. One that all have given up may never be answered.
    fn fetch(&self) -> (Outcome, Arc<()>) {
        let mut fetch = self.fetch.lock();
        let is_under_way = |f: &&Fetch| Arc::strong_count(&f.waiting) > 1 && f.outcome.peek().is_none();
        if let Some(fetch) = fetch.as_ref().filter(is_under_way) {
            return (fetch.outcome.clone(), fetch.waiting.clone());
        }
        let (fetched, outcome) = oneshot::channel();
        // The sender goes without a word only with the task, and that with the client or its world.
        let outcome =
            outcome.map(|fetched| fetched.unwrap_or_else(|_| Err(Pause::because("the client stops"))));
        let outcome = outcome.boxed().shared();
        let source = self.source.clone();
        let run = async move {
            let _ = fetched.send(source.fetch().await); // All callers may have given up.
        };
        let task = self.env.spawn.spawn("map fetch", Box::pin(run));
        let waiting = Arc::new(());
        let former = fetch.replace(Fetch { outcome: outcome.clone(), waiting: waiting.clone(), _task: task });
        drop(fetch);
        drop(former);
        (outcome, waiting)
    }
}

/// A fetch waits for at least so long: those who share it may have more time than the default.
const PATIENCE_MIN: Duration = Duration::from_secs(10);

/// Where views come from, and the newest one.
struct Source {
    coordinator: Arc<dyn CoordinatorApi>,
    masters: Arc<dyn Masters>,
    clock: Arc<dyn Clock>,
    interval: Duration,
    /// Longest time to wait for an answer.
    patience: Duration,
    present: Mutex<Arc<View>>,
    /// Number of the newest fetch that was asked for. Written by the one fetch that is under way; whoever reads it names
    /// it as the greatest number that will not do, so that nothing else needs to be seen with it: relaxed.
    asked: AtomicU64,
    /// When the last fetch did.
    ended: Mutex<Option<Time>>,
}

impl Source {
    /// Asks for a view. One at a time.
    async fn fetch(&self) -> Fetched {
        let ended = *self.ended.lock();
        if let Some(ended) = ended {
            self.clock.sleep_until(ended + self.interval).await;
        }
        let present = self.present.lock().clone();
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let call = self.coordinator.call(Request::TabletMap { newer_than: present.map.version });
        // Nobody else asks meanwhile, so that it must end, whoever the coordinator is.
        let reply = match select(call, self.clock.sleep(self.patience)).await {
            Either::Left((reply, _)) => reply,
            Either::Right(_) => Err(RemoteError::Unknown("no answer in time".into())),
        };
        *self.ended.lock() = Some(self.clock.now());
        let (map, servers) = match reply {
            Ok(Reply::TabletMap { map, servers }) => (map, servers),
            Ok(Reply::Refused(Refusal::Retry { after_ms, reason })) => {
                let at_least = Duration::from_millis(after_ms.into());
                return Err(Pause { at_least, ..Pause::because(reason) });
            }
            Ok(other) => return Err(Pause::because(format!("the coordinator answers {other:?}"))),
            Err(RemoteError::NotDone(why) | RemoteError::Unknown(why)) => {
                return Err(Pause::because(format!("the coordinator: {why}")));
            }
            Err(RemoteError::Unauthorised(why)) => {
                return Err(Pause { is_refused: true, ..Pause::because(format!("the coordinator: {why}")) });
            }
        };
        let view = Arc::new(Self::join(number, &present, map, servers));
        *self.present.lock() = view.clone();
        if view.servers.version() > present.servers.version() {
            self.masters.update_servers(&view.servers);
        }
        Ok(view)
    }

    /// Answers may come from an older coordinator: neither part ever goes back.
    fn join(number: u64, present: &View, map: Option<TabletMap>, servers: ServerList) -> View {
        let map = match map {
            Some(map) if map.version > present.map.version || present.map.version == TabletVersion(0) => {
                Arc::new(map)
            }
            _ => present.map.clone(),
        };
        let servers =
            if servers.version() >= present.servers.version() { servers } else { present.servers.clone() };
        View { number, map, servers }
    }
}

/// Why to wait before trying again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pause {
    /// As the other side asked.
    pub(crate) at_least: Duration,
    pub(crate) reason: String,
    /// No pause will do: the coordinator does not take this client.
    pub(crate) is_refused: bool,
}

impl Pause {
    pub(crate) fn because(reason: impl Into<String>) -> Self {
        Self { at_least: Duration::ZERO, reason: reason.into(), is_refused: false }
    }
}
