//! The store itself.

use super::MemoryStoreConfig;
use crate::store::{
    BackupError, BackupStats, BackupStore, Kept, LoadRequest, Loaded, LocalStore, ReadPlan, ReplicaFree,
    ReplicaInfo, ReplicaWrite,
    filter::{self, Filter},
    inventory::{digest_order, ends_digests},
    membership::Membership,
    read_ahead::ReadAhead,
    replica::Replica,
    session::Sessions,
    shelf::{Room, Shelf},
};
use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use rekindle_env::Env;
use rekindle_log::Certificate;
use rekindle_types::{ListVersion, LogId, Partition, PartitionIndex, ReplicaId, ServerList};
use std::sync::Arc;
use tokio::sync::Notify;

/// Keeps replicas in this process's memory: what it acknowledged lives as long as it does.
///
/// One lock inside, held for the copy of one write at most and never over an await; filtering for a recovery
/// runs outside of it.
#[derive(Debug)]
pub struct MemoryStore {
    config: MemoryStoreConfig,
    state: Mutex<State>,
    /// A plan came, or room for what is read ahead of it.
    planned: Notify,
}

#[derive(Debug)]
struct State {
    membership: Membership,
    sessions: Sessions,
    shelf: Shelf,
    read_ahead: ReadAhead,
    poisoned: Option<String>,
}

impl MemoryStore {
    /// An empty store. It takes no writes before [`MemoryStore::set_servers`] brought a list that knows it (F1).
    #[must_use]
    pub fn new(config: MemoryStoreConfig) -> Self {
        let limit = Room { frames: config.frames, bytes: config.bytes_max };
        Self {
            config,
            state: Mutex::new(State {
                membership: Membership::new(config.server, config.rules),
                sessions: Sessions::default(),
                shelf: Shelf::new(limit, config.rules),
                read_ahead: ReadAhead::new(config.read_ahead_bytes),
                poisoned: None,
            }),
            planned: Notify::new(),
        }
    }

    /// Takes a server list, as [`LocalStore::set_servers`] says.
    pub fn set_servers(&self, list: &ServerList) {
        let state = &mut *self.state.lock();
        if !state.membership.set_servers(list) {
            return;
        }
        let State { membership, sessions, shelf, read_ahead, .. } = state;
        sessions.retain(|master| !list.is_gone(master));
        let removed: Vec<LogId> = shelf.logs().filter(|log| membership.is_removed(log.server)).collect();
        for log in removed {
            shelf.forget(log);
            read_ahead.forget(log);
        }
    }

    /// Frees all of a log, as [`LocalStore::forget`] says.
    pub fn forget(&self, log: LogId) -> Result<(), BackupError> {
        let state = &mut *self.state.lock();
        state.membership.check_fenced(log)?;
        state.shelf.forget(log);
        state.read_ahead.forget(log);
        Ok(())
    }

    /// Filters a replica for every partition of its plan and keeps the parts.
    fn filter_all(&self, replica: ReplicaId, filter: &Arc<Filter>) -> Result<(), BackupError> {
        let (bytes, certificate) = self.snapshot(replica)?;
        let parts = filter.run(replica, &bytes, certificate)?.into_iter().map(Some).collect();
        self.state.lock().read_ahead.keep(replica, filter, certificate, parts);
        Ok(())
    }

    /// One partition of a replica: as kept, or filtered now; the first load of a planned replica filters it for
    /// all partitions.
    fn load_filtered(
        &self,
        replica: ReplicaId,
        index: PartitionIndex,
        partition: &Partition,
    ) -> Result<Loaded, BackupError> {
        let fetch = || self.state.lock().read_ahead.fetch(replica, index, partition);
        let begin = || self.state.lock().read_ahead.begin(replica, index, partition);
        let (bytes, certificate) = self.snapshot(replica)?;
        if let Some(loaded) = fetch() {
            self.planned.notify_one();
            return Ok(loaded);
        }
        if let Some(filter) = begin() {
            let mut parts: Vec<_> = filter.run(replica, &bytes, certificate)?.into_iter().map(Some).collect();
            let wanted = parts[index.0 as usize].take().expect("the filter has every partition of the plan");
            self.state.lock().read_ahead.keep(replica, &filter, certificate, parts);
            return Ok(Loaded { bytes: wanted, certificate });
        }
        let mut parts = Filter::new([partition], self.config.rules).run(replica, &bytes, certificate)?;
        Ok(Loaded { bytes: parts.remove(0), certificate })
    }

    /// Makes it vouch for nothing any more, as after a failed device.
    pub fn poison(&self, why: &str) {
        self.state.lock().poisoned = Some(why.to_owned());
    }

    /// Flips a bit of a replica's byte. For tests of damage; `false` when there is no such byte.
    pub fn damage(&self, replica: ReplicaId, at: usize) -> bool {
        self.state.lock().shelf.damage(replica, at)
    }

    /// The valid bytes of a replica that can't change any more.
    fn snapshot(&self, id: ReplicaId) -> Result<(Bytes, Certificate), BackupError> {
        let state = self.state.lock();
        state.vouch()?;
        let replica = state.shelf.find(id)?;
        state.membership.check_fixed(replica)?;
        replica.valid().ok_or(BackupError::NotOpen(id))
    }
}

impl State {
    fn vouch(&self) -> Result<(), BackupError> {
        match &self.poisoned {
            Some(why) => Err(BackupError::Poisoned(why.clone())),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl LocalStore for MemoryStore {
    fn set_servers(&self, list: &ServerList) {
        self.set_servers(list);
    }

    fn held(&self) -> Vec<ReplicaId> {
        self.state.lock().shelf.replicas().map(|replica| replica.id).collect()
    }

    fn reopened(&self) -> u64 {
        self.state.lock().shelf.reopened()
    }

    fn kept(&self) -> Kept {
        Kept { listed: self.state.lock().shelf.list_all(), damaged: Vec::new() }
    }

    async fn forget(&self, log: LogId) -> Result<(), BackupError> {
        self.forget(log)
    }

    /// Filters what recoveries will ask for ahead of their loads, as heavy work. Without it every load filters
    /// when it comes.
    async fn run(self: Arc<Self>, env: Env) {
        loop {
            let planned = self.planned.notified();
            let next = self.state.lock().read_ahead.next();
            match next {
                Some((replica, filter)) => {
                    let store = Arc::clone(&self);
                    let work = move || {
                        // Damage is told to whoever loads the replica.
                        let _ = store.filter_all(replica, &filter);
                    };
                    env.spawn.heavy("filter for recovery", Box::new(work)).join().await;
                }
                None => planned.await,
            }
        }
    }

    /// There is nothing but memory to keep it in.
    async fn close(&self) -> Result<(), BackupError> {
        Ok(())
    }
}

#[async_trait]
impl BackupStore for MemoryStore {
    async fn write(&self, write: ReplicaWrite) -> Result<(), BackupError> {
        let state = &mut *self.state.lock();
        let log = write.replica.log;
        state.vouch()?;
        state.membership.admit(log)?;
        state.sessions.admit(log.server, write.session, self.config.rules)?;
        state.shelf.write(&write).map(drop)
    }

    async fn free(&self, free: ReplicaFree) -> Result<(), BackupError> {
        let state = &mut *self.state.lock();
        let log = free.replica.log;
        state.vouch()?;
        state.membership.admit(log)?;
        state.sessions.admit(log.server, free.session, self.config.rules)?;
        state.shelf.free(free.replica);
        Ok(())
    }

    async fn inventory(&self, log: LogId, at: ListVersion) -> Result<Vec<ReplicaInfo>, BackupError> {
        let state = &mut *self.state.lock();
        state.vouch()?;
        state.membership.fence(log, at)?;
        let mut infos = state.shelf.list(log);
        for at in digest_order(&infos) {
            let info = &mut infos[at];
            info.digest = state.shelf.find(info.replica).ok().and_then(Replica::digest);
            if ends_digests(info) {
                break;
            }
        }
        Ok(infos)
    }

    async fn start_recovery(&self, log: LogId, plan: ReadPlan) -> Result<(), BackupError> {
        let state = &mut *self.state.lock();
        state.vouch()?;
        state.membership.check_fenced(log)?;
        state.read_ahead.start(log, plan, self.config.rules);
        self.planned.notify_one();
        Ok(())
    }

    async fn load(&self, replica: ReplicaId, want: LoadRequest) -> Result<Loaded, BackupError> {
        match want {
            LoadRequest::Whole => {
                let (bytes, certificate) = self.snapshot(replica)?;
                filter::verify(replica, &bytes, certificate, self.config.rules)?;
                Ok(Loaded { bytes, certificate })
            }
            LoadRequest::Filtered { index, partition } => self.load_filtered(replica, index, &partition),
        }
    }

    async fn stats(&self) -> BackupStats {
        let state = self.state.lock();
        let (open, bytes) = state.shelf.count();
        BackupStats {
            frames: self.config.frames,
            frames_used: state.shelf.used().frames,
            open,
            bytes,
            read_rate: 0,
            is_poisoned: state.poisoned.is_some(),
        }
    }
}
