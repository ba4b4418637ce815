//! A storage server, as its process holds it.

use super::{
    ShutdownError, StorageConfig, StorageConfigError, StorageEnd, StorageStatus, Tasks, ending::Ending,
    enlist::enlist, member::Member, store::OpenedStore,
};
use crate::wire::Transport;
use parking_lot::Mutex;
use rekindle_backup::{
    replicator::{KnownReplica, ReplicationStats},
    store::LocalStore,
};
use rekindle_env::Env;
use rekindle_log::store::Store;
use rekindle_types::{Former, ServerId};
use std::sync::{Arc, OnceLock, Weak};

/// Master, backup and lease keeper of one server. Dropping it is a crash; [`StorageServer::shutdown`] is a clean
/// stop. Once it [has ended](StorageServer::ended) it is of no use: drop it and start another.
pub struct StorageServer {
    tasks: Arc<Tasks>,
    shared: Arc<Shared>,
}

/// What the server's handle and its tasks share.
#[derive(Default)]
pub(super) struct Shared {
    /// Set once, when the coordinator has given an id.
    member: OnceLock<Arc<Member>>,
    waits_for: Mutex<Option<String>>,
    pub(super) ending: Ending,
}

impl Shared {
    /// Says what the start waits for.
    pub(super) fn waits_for(&self, what: String) {
        *self.waits_for.lock() = Some(what);
    }
}

impl StorageServer {
    /// Starts it: opens its store, enlists, takes part. That takes as long as it takes; when it can't be done,
    /// [`StorageServer::ended`] says why.
    pub fn start(
        config: StorageConfig,
        env: Env,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, StorageConfigError> {
        config.validate()?;
        let tasks = Arc::new(Tasks::new(&env));
        let shared = Arc::new(Shared::default());
        let (owner, state) = (Arc::downgrade(&tasks), shared.clone());
        tasks.start("join", async move {
            if let Err(end) = join(config, env, transport, owner, &state).await {
                state.ending.give(end);
            }
        });
        Ok(Self { tasks, shared })
    }

    fn member(&self) -> Option<&Arc<Member>> {
        self.shared.member.get()
    }

    /// Its id, once it has enlisted.
    #[must_use]
    pub fn id(&self) -> Option<ServerId> {
        self.member().map(|member| member.id())
    }

    /// Whether tablets may come: its first head is recorded (T7).
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.member().is_some_and(|member| member.is_ready())
    }

    /// What it waits for while it has no id yet, as far as it knows.
    #[must_use]
    pub fn waits_for(&self) -> Option<String> {
        if self.member().is_some() { None } else { self.shared.waits_for.lock().clone() }
    }

    /// Whether it was declared dead: it serves nothing, for good.
    #[must_use]
    pub fn is_removed(&self) -> bool {
        self.member().is_some_and(|member| member.membership.is_removed())
    }

    /// Why it is of no use any more, if so: it did not get to take part, was declared dead, or its log failed. It
    /// serves nothing then, and its process should end with this message.
    #[must_use]
    pub fn ended(&self) -> Option<StorageEnd> {
        self.shared.ending.reason()
    }

    /// Waits until [`StorageServer::ended`] says something.
    pub async fn end(&self) -> StorageEnd {
        self.shared.ending.wait().await
    }

    /// A snapshot, once it has enlisted.
    #[must_use]
    pub fn status(&self) -> Option<StorageStatus> {
        self.member().map(|member| member.status())
    }

    /// How replication of its log does, once it has enlisted: at less cost than a whole snapshot.
    #[must_use]
    pub fn replication(&self) -> Option<ReplicationStats> {
        self.member().map(|member| member.replication_stats())
    }

    /// Its objects, for inspection.
    #[must_use]
    pub fn store(&self) -> Option<Arc<Store>> {
        self.member().map(|member| member.master.store.clone())
    }

    /// Objects outside of its tablets, for inspection: there are none, unless one is dropped just now.
    #[must_use]
    pub fn strays(&self) -> u64 {
        self.member().map_or(0, |member| member.strays())
    }

    /// Its backup, for inspection.
    #[must_use]
    pub fn backup(&self) -> Option<Arc<dyn LocalStore>> {
        self.member().map(|member| member.backup.clone())
    }

    /// Every replica of its own log that it knows of, for inspection.
    #[must_use]
    pub fn replicas(&self) -> Vec<KnownReplica> {
        self.member().map_or(Vec::new(), |member| member.replicas())
    }

    /// Lanes to others that it keeps open.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.member().map_or(0, |member| member.lanes())
    }

    /// Tasks that run.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.tasks.running()
    }

    /// Serves no more, waits until what was appended is durable, hands its lease back so that its tablets are
    /// recovered at once (F9), makes durable what its backup holds (J5), and stops. What can't be had within the drain
    /// timeout, which the backup has for itself once more, is left: the cluster bears a crash, too. When it returns,
    /// another may open the same directory.
    ///
    /// # Errors
    /// When the backup could not make durable what it holds, or not in time.
    pub async fn shutdown(self) -> Result<(), ShutdownError> {
        let closed = match self.member() {
            Some(member) => member.drain().await,
            None => Ok(()),
        };
        self.tasks.stopped().await;
        closed
    }
}

impl Drop for StorageServer {
    /// Tasks may hold the set of tasks for an instant: stop them here and now.
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

/// Becomes a member, and starts what members do.
async fn join(
    config: StorageConfig,
    env: Env,
    transport: Arc<dyn Transport>,
    owner: Weak<Tasks>,
    shared: &Arc<Shared>,
) -> Result<(), StorageEnd> {
    shared.waits_for("its store".into());
    let store = OpenedStore::open(&config, &env).await?;
    // F9: whose store this is locked is gone; what a configuration says is taken on trust, and waited for.
    let held = store.former().map(|server| Former { server, is_store_held: true });
    let former = held.or(config.former.map(|server| Former { server, is_store_held: false }));
    let enlisted = enlist(&config, &env, &transport, former, shared).await?;
    // Not before: writes to it are writes to the new id (P3, L4).
    let backup = store.adopt(&config, enlisted.server).await?;
    let member = Member::assemble(config, env, &transport, enlisted, backup, owner.clone())
        .expect("the configuration was validated, and R and the id change nothing about that");
    let Some(tasks) = owner.upgrade() else { return Ok(()) };
    let _ = shared.member.set(member.clone());
    member.start(&tasks, transport, Arc::downgrade(shared));
    Ok(())
}
