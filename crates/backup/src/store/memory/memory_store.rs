//! The store itself.

use super::{
    MemoryStoreConfig,
    session::Sessions,
    shelf::{Room, Shelf},
};
use crate::store::{
    BackupError, BackupStats, BackupStore, LoadRequest, Loaded, ReadPlan, ReplicaFree, ReplicaInfo,
    ReplicaState, ReplicaWrite, membership::Membership,
};
use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use rekindle_log::Certificate;
use rekindle_types::{ListVersion, LogId, ReplicaId, ServerList};

/// Keeps replicas in this process's memory: what it acknowledged lives as long as it does.
///
/// One lock inside, held for the copy of one write at most and never over an await; filtering for a recovery
/// runs outside of it.
#[derive(Debug)]
pub struct MemoryStore {
    config: MemoryStoreConfig,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    membership: Membership,
    sessions: Sessions,
    shelf: Shelf,
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
                poisoned: None,
            }),
        }
    }

    /// Takes a server list; an older one changes nothing. Masters that it calls dead are fenced from here on
    /// (F1); replicas of those that left it after their recovery are freed.
    pub fn set_servers(&self, list: &ServerList) {
        let state = &mut *self.state.lock();
        if !state.membership.set_servers(list) {
            return;
        }
        let State { membership, sessions, shelf, .. } = state;
        sessions.retain(|master| !list.is_gone(master));
        let removed: Vec<LogId> = shelf.logs().filter(|log| membership.is_removed(log.server)).collect();
        for log in removed {
            shelf.forget(log);
        }
    }

    /// Frees all of a dead master's log, when the coordinator says that every partition is committed (T3).
    /// Refused while this store's list still calls the master up.
    pub fn forget(&self, log: LogId) -> Result<(), BackupError> {
        let state = &mut *self.state.lock();
        if !state.membership.is_fenced(log) {
            return Err(BackupError::NotReady(format!("{log} is not known to be dead")));
        }
        state.shelf.forget(log);
        Ok(())
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
        if replica.state() == ReplicaState::Open && !state.membership.is_fenced(id.log) {
            return Err(BackupError::NotReady(format!("{id} is open and its log not fenced")));
        }
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
impl BackupStore for MemoryStore {
    async fn write(&self, write: ReplicaWrite) -> Result<(), BackupError> {
        let state = &mut *self.state.lock();
        let log = write.replica.log;
        state.vouch()?;
        state.membership.admit(log)?;
        state.sessions.admit(log.server, write.session, self.config.rules)?;
        state.shelf.write(&write)
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
        if state.membership.is_expelled() {
            return Err(BackupError::Removed);
        }
        // F1: fenced before it is listed, so that what is acknowledged later is in no inventory's way.
        state.membership.fence(log, at);
        Ok(state.shelf.list(log))
    }

    async fn start_recovery(&self, log: LogId, _plan: ReadPlan) -> Result<(), BackupError> {
        let state = self.state.lock();
        state.vouch()?;
        if !state.membership.is_fenced(log) {
            return Err(BackupError::NotReady(format!("{log} is not fenced")));
        }
        Ok(())
    }

    async fn load(&self, replica: ReplicaId, want: LoadRequest) -> Result<Loaded, BackupError> {
        let (bytes, certificate) = self.snapshot(replica)?;
        match want {
            LoadRequest::Whole | LoadRequest::Filtered { .. } => Ok(Loaded { bytes, certificate }),
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
