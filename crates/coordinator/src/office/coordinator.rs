//! A coordinator's reign.

use super::core::{Core, Servers};
use super::scribe::{ENTRIES_MAX, Entry};
use crate::{
    AppendError, ClusterState, ConfigError, CoordinatorConfig, Event, MetaLog, MetaOpenError, Observer,
    Resilience, Unreadable, change,
};
use futures_util::{FutureExt, pin_mut, select_biased};
use parking_lot::Mutex;
use rekindle_env::Clock;
use rekindle_types::Term;
use std::sync::Arc;
use tokio::sync::mpsc;

/// The authority over membership, tablets and operations, for one reign.
///
/// It answers calls ([`rekindle_types::CoordinatorApi`]), and works while [`Coordinator::run`] and
/// [`Coordinator::watch`] run.
pub struct Coordinator {
    pub(super) core: Arc<Core>,
    entries: Mutex<Option<mpsc::Receiver<Entry>>>,
}

/// Why a reign ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Stopped {
    /// Another coordinator reigns.
    #[error("deposed: {0} reigns")]
    Deposed(Term),
    /// The meta log can't be written; what was being recorded may be there or not. Open it again.
    #[error("{0}")]
    Failed(String),
}

/// Why a reign did not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Correct the configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The meta log can't be opened.
    #[error(transparent)]
    Meta(#[from] MetaOpenError),
    /// The cluster's founding can't be recorded.
    #[error(transparent)]
    Found(#[from] AppendError),
    /// The meta log holds what is no entity: an operator has to look.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl Coordinator {
    /// Takes office: raises the term, reads the record back, founds the cluster if there is none.
    pub async fn open(
        config: CoordinatorConfig,
        clock: Arc<dyn Clock>,
        meta: Arc<dyn MetaLog>,
        servers: Arc<dyn Servers>,
        observer: Arc<dyn Observer>,
    ) -> Result<Arc<Self>, OpenError> {
        config.validate()?;
        let opened = meta.open().await?;
        let mut state = ClusterState::rebuild(&opened)?;
        if let Some(batch) = change::found(&state, config.size.shape(), config.times.lease_ms()) {
            let records = batch.records.clone();
            let lsn = meta.append(opened.term, batch).await?;
            state.apply(lsn, &records)?;
        }
        let (scribe, entries) = mpsc::channel(ENTRIES_MAX);
        let core = Core::new(config, opened.term, clock, (meta, servers, observer), state, scribe);
        core.observe(&Event::TookOffice(opened.term));
        Ok(Arc::new(Self { core: Arc::new(core), entries: Mutex::new(Some(entries)) }))
    }

    /// The reign.
    #[must_use]
    pub fn term(&self) -> Term {
        self.core.term
    }

    /// The recorded state as it stands.
    #[must_use]
    pub fn state(&self) -> ClusterState {
        self.core.read(ClusterState::clone)
    }

    /// Looks at the recorded state, under its lock: be brief.
    pub fn look<T>(&self, look: impl FnOnce(&ClusterState) -> T) -> T {
        self.core.read(look)
    }

    /// What the cluster can bear now (L1).
    #[must_use]
    pub fn resilience(&self) -> Resilience {
        Resilience::of(&self.core.inner.lock().state, &self.core.rooms.lock())
    }

    /// Whether declarations and plans are held back, because too many servers are silent at once (F8).
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.core.inner.lock().detector.is_held()
    }

    /// An operator says that the silent servers are dead indeed: the hold ends (F8).
    pub fn release_hold(&self) {
        self.core.inner.lock().detector.release_hold();
        self.core.notify();
    }

    /// Watches over the servers until the reign ends: beside [`Coordinator::run`], and where nothing holds it up, with
    /// the renewals (F7). Without it nobody is found dead.
    pub async fn watch(self: Arc<Self>) {
        self.core.keep_watch().await;
    }

    /// Works until the reign ends. Dropping it is a crash: the next coordinator goes on from the record.
    ///
    /// # Panics
    /// When called twice.
    pub async fn run(self: Arc<Self>) -> Stopped {
        let mut entries = self.entries.lock().take().expect("a coordinator runs once");
        let core = &*self.core;
        let (write, declare) = (core.write(&mut entries).fuse(), core.declare_condemned().fuse());
        let (push, work) = (core.push_lists().fuse(), core.work().fuse());
        let stop = core.until(|_| core.is_stopped()).fuse();
        pin_mut!(write, declare, push, work, stop);
        select_biased! {
            () = stop => {}
            () = write => {}
            () = declare => {}
            () = push => {}
            () = work => {}
        }
        core.stopped.get().cloned().unwrap_or_else(|| Stopped::Failed("the coordinator was dropped".into()))
    }
}
