//! What checkers ask a whole cluster for.

use super::SimCluster;
use crate::{
    SimStore,
    check::{HeldReplica, LeftOnServer, NotKept, OpenHead, Replicas, check_kept},
    look::{LogLook, ServerLook},
};
use futures_util::FutureExt;
use rekindle_backup::{ReplicaInfo, ReplicaState};
use rekindle_cluster::server::StorageServer;
use rekindle_coordinator::{
    ClusterState,
    entity::{OperationState, RecoverPhase},
};
use rekindle_env::Time;
use rekindle_types::{LogId, ServerId};
use std::collections::BTreeSet;

impl SimCluster {
    /// Calls on objects that storage servers have answered.
    #[must_use]
    pub fn answers(&self) -> u64 {
        self.overheard.answers()
    }

    /// The first call or answer overheard on a server's lanes that should not have been, and why.
    #[must_use]
    pub fn wrong_answer(&self) -> Option<String> {
        self.overheard.wrong()
    }

    /// Remembers what servers that have just got their ids have on their disks. To be called every few milliseconds by
    /// whoever asks for [`SimCluster::replicas`].
    pub fn note_found(&self) {
        let running = &mut *self.running.lock();
        for (number, server) in &running.storage {
            let Some(id) = server.id().filter(|id| !running.found.contains_key(id)) else { continue };
            let Some(backup) = server.backup() else { continue };
            running.found.insert(id, backup.held().into_iter().collect());
            if let SimStore::Disks(durability) = self.config.store {
                let disk = self.node(*number).disk();
                let returned = self.overheard.ledger.returned(*number, durability, &*backup, &disk);
                running.returned.push((*number, returned));
            }
        }
    }

    /// Checks backups that have come again, once a coordinator is in office: it knows whose replicas are being freed.
    ///
    /// # Errors
    /// The first replica that one of them should have, or should not complain of.
    pub fn check_returned(&self) -> Result<(), NotKept> {
        let returned = std::mem::take(&mut self.running.lock().returned);
        if returned.is_empty() {
            return Ok(());
        }
        let Some(kept) = self.coordinator(|c| Some(c.coordinator()?.look(masters_kept))).flatten() else {
            self.running.lock().returned = returned;
            return Ok(());
        };
        let is_kept = |log: LogId| kept.contains(&log.server);
        for (server, mut returned) in returned {
            returned.retain(is_kept);
            self.overheard.ledger.retain(server, is_kept);
            check_kept(&returned)?;
        }
        Ok(())
    }

    /// Every replica, as masters that are up know them and as backups hold them.
    #[must_use]
    pub fn replicas(&self) -> Replicas {
        let running = self.running.lock();
        let mut all = Replicas { replicas: self.config.replicas as usize, ..Replicas::default() };
        for server in running.storage.values().filter(|server| !server.is_removed()) {
            let (Some(id), Some(backup)) = (server.id(), server.backup()) else { continue };
            let found = running.found.get(&id);
            let is_poisoned = backup.stats().now_or_never().is_some_and(|stats| stats.is_poisoned);
            let held = |replica| HeldReplica {
                backup: id,
                replica,
                is_from_before: found.is_some_and(|found| found.contains(&replica)),
                is_poisoned,
            };
            all.masters.insert(id);
            all.known.extend(server.replicas());
            all.held.extend(backup.held().into_iter().map(held));
        }
        all
    }

    /// Until when a dead server may be covered by its lease, as it was overheard; none when its death may be proven (F9).
    #[must_use]
    pub fn covered_until(&self, dead: ServerId) -> Option<Time> {
        self.overheard.leases.lock().of(dead)
    }

    /// The replicas of heads that are open, as the backups that run list them.
    #[must_use]
    pub fn open_heads(&self) -> Vec<OpenHead> {
        let running = self.running.lock();
        let open = |server: &StorageServer| {
            let backup = server.id().filter(|_| !server.is_removed())?;
            let is_open = |info: &ReplicaInfo| info.state == ReplicaState::Open && info.digest.is_some();
            let listed = server.backup()?.kept().listed.into_iter().filter(is_open);
            Some(listed.map(move |info| OpenHead { backup, replica: info.replica }))
        };
        running.storage.values().filter_map(open).flatten().collect()
    }

    /// The log of a server that is looked at, if it still runs and serves.
    #[must_use]
    pub fn log(&self, server: &ServerLook) -> Option<LogLook> {
        let running = self.running.lock();
        let found = running.storage.values().find(|running| running.id() == Some(server.server))?;
        LogLook::of(server, &*found.store()?)
    }

    /// Segments that cleaners have cleaned, and those that they made of them.
    #[must_use]
    pub fn cleaned(&self) -> (u64, u64) {
        let cleaners = self.statuses().into_values().map(|status| status.cleaner);
        cleaners.fold((0, 0), |(from, to), cleaner| (from + cleaner.victims, to + cleaner.survivors))
    }

    /// What the storage servers have not let go of.
    #[must_use]
    pub fn left(&self) -> Vec<LeftOnServer> {
        let running = self.running.lock();
        let left = |server: &StorageServer| {
            let strays = server.strays() as usize;
            Some(LeftOnServer::of(&server.status()?.into(), server.lanes(), server.tasks(), strays))
        };
        running.storage.values().filter_map(left).collect()
    }
}

/// Masters of which no replica may be freed as a whole: those that are up, and those that are dead and not all of whose
/// partitions are committed (T3).
fn masters_kept(state: &ClusterState) -> BTreeSet<ServerId> {
    let is_recovering = |phase| matches!(phase, RecoverPhase::Discover | RecoverPhase::Replay);
    let recovering = state.unfinished().filter_map(|operation| match &operation.state {
        OperationState::Recover { server, phase } if is_recovering(*phase) => Some(*server),
        _ => None,
    });
    state.servers().up().map(|entry| entry.id).chain(recovering).collect()
}
