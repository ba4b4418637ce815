//! A storage server, as its process holds it.

use super::{StorageConfig, StorageConfigError, StorageStatus, Tasks, enlist::enlist, member::Member};
use crate::wire::Transport;
use rekindle_backup::store::LocalStore;
use rekindle_env::Env;
use rekindle_log::store::Store;
use rekindle_types::ServerId;
use std::sync::{Arc, OnceLock};

/// Master, backup and lease keeper of one server. Dropping it is a crash; [`StorageServer::shutdown`] is a clean
/// stop. Declared dead is final: drop a removed server and start another.
pub struct StorageServer {
    tasks: Arc<Tasks>,
    /// Set once, when the coordinator has given an id.
    member: Arc<OnceLock<Arc<Member>>>,
}

impl StorageServer {
    /// Starts it. It enlists by itself, however long that takes.
    pub fn start(
        config: StorageConfig,
        env: Env,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, StorageConfigError> {
        config.validate()?;
        let tasks = Arc::new(Tasks::new(&env));
        let member = Arc::new(OnceLock::new());
        let (owner, joined) = (Arc::downgrade(&tasks), member.clone());
        tasks.start("join", async move {
            let enlisted = enlist(&config, &env, &transport).await;
            let member = Member::assemble(config, env, &transport, enlisted, owner.clone())
                .expect("the configuration was validated, and R and the id change nothing about that");
            let Some(tasks) = owner.upgrade() else { return };
            let _ = joined.set(member.clone());
            member.start(&tasks, transport);
        });
        Ok(Self { tasks, member })
    }

    /// Its id, once it has enlisted.
    #[must_use]
    pub fn id(&self) -> Option<ServerId> {
        self.member.get().map(|member| member.id())
    }

    /// Whether tablets may come: its first head is recorded (T7).
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.member.get().is_some_and(|member| member.is_ready())
    }

    /// Whether it was declared dead: it serves nothing, for good.
    #[must_use]
    pub fn is_removed(&self) -> bool {
        self.member.get().is_some_and(|member| member.membership.is_removed())
    }

    /// A snapshot, once it has enlisted.
    #[must_use]
    pub fn status(&self) -> Option<StorageStatus> {
        self.member.get().map(|member| member.status())
    }

    /// Its objects, for inspection.
    #[must_use]
    pub fn store(&self) -> Option<Arc<Store>> {
        self.member.get().map(|member| member.master.store.clone())
    }

    /// Its backup, for inspection.
    #[must_use]
    pub fn backup(&self) -> Option<Arc<dyn LocalStore>> {
        self.member.get().map(|member| member.backup.clone())
    }

    /// Tasks that run.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.tasks.running()
    }

    /// Serves no more, waits until what was appended is durable or the drain timeout is over, and stops.
    pub async fn shutdown(self) {
        if let Some(member) = self.member.get() {
            member.drain().await;
        }
        self.tasks.stop();
    }
}

impl Drop for StorageServer {
    /// Tasks may hold the set of tasks for an instant: stop them here and now.
    fn drop(&mut self) {
        self.tasks.stop();
    }
}
