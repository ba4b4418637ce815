//! What a client knows of the cluster: the tablet map and where the owners are, refreshed once for all callers.

use crate::{ClientConfig, Masters};
use parking_lot::Mutex;
use rekindle_env::{Env, Time};
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
use tokio::sync::Mutex as AsyncMutex;

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
    coordinator: Arc<dyn CoordinatorApi>,
    masters: Arc<dyn Masters>,
    env: Env,
    interval: Duration,
    present: Mutex<Arc<View>>,
    /// Number of the newest fetch that was asked for. Written under `fetching`; whoever reads it names it as the least
    /// that will not do, so that nothing else needs to be seen with it: relaxed.
    asked: AtomicU64,
    /// Held while fetching: others wait for the same fetch. When the last one ended.
    fetching: AsyncMutex<Option<Time>>,
}

impl Views {
    pub(crate) fn new(
        coordinator: Arc<dyn CoordinatorApi>,
        masters: Arc<dyn Masters>,
        config: &ClientConfig,
        env: Env,
    ) -> Self {
        let interval = config.refresh_interval;
        let (present, fetching) = (Mutex::default(), AsyncMutex::new(None));
        Self { coordinator, masters, env, interval, present, asked: AtomicU64::new(0), fetching }
    }

    /// The newest view; number 0 is nothing at all.
    pub(crate) fn present(&self) -> Arc<View> {
        self.present.lock().clone()
    }

    /// A view with a greater number than this shows the cluster as it was now or later: its fetch is still to be asked
    /// for. The one that is under way may have been answered before the caller's call began.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// A view newer than number `stale`, fetched by this caller or by another.
    pub(crate) async fn newer_than(&self, stale: u64) -> Result<Arc<View>, Pause> {
        let mut fetched = self.fetching.lock().await;
        let present = self.present();
        if present.number > stale {
            return Ok(present);
        }
        if let Some(fetched) = *fetched {
            self.env.clock.sleep_until(fetched + self.interval).await;
        }
        let newer_than = present.map.version;
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let reply = self.coordinator.call(Request::TabletMap { newer_than }).await;
        *fetched = Some(self.env.clock.now());
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
