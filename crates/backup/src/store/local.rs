//! A store as the server that owns it sees it.

use super::{BackupError, BackupStore, Kept, StoredImage};
use async_trait::async_trait;
use rekindle_env::Env;
use rekindle_types::{LogId, ReplicaId, ServerList};
use std::sync::Arc;

/// What the owner of a store does beyond what other servers call.
#[async_trait]
pub trait LocalStore: BackupStore {
    /// Takes a server list; an older one changes nothing. Masters that it calls dead are fenced from here on
    /// (F1); replicas of those that left it after their recovery are freed, at once or a little later.
    fn set_servers(&self, list: &ServerList);

    /// Every replica that takes a frame here, complete or not, for inspection.
    fn held(&self) -> Vec<ReplicaId>;

    /// Closed replicas that made way for an open one of their segment so far: none, if masters keep to P2.
    fn reopened(&self) -> u64;

    /// What it lists and what it can't vouch for, for inspection.
    fn kept(&self) -> Kept;

    /// Where a replica is that is in a frame on a device, for inspection.
    fn image_of(&self, _replica: ReplicaId) -> Option<StoredImage> {
        None
    }

    /// Frees all of a dead master's log, when the coordinator says that every partition is committed (T3).
    /// Refused while this store's list still calls the master up.
    async fn forget(&self, log: LogId) -> Result<(), BackupError>;

    /// The store's own work, until dropped: reads ahead for recoveries, frees what nobody needs.
    async fn run(self: Arc<Self>, env: Env);

    /// Takes no more writes, and makes durable what it would otherwise keep in memory only (J5). A crash instead of
    /// it loses nothing that was promised.
    async fn close(&self) -> Result<(), BackupError>;
}
