//! What checkers ask a whole cluster for.

use super::SimCluster;
use crate::{
    check::{HeldReplica, LeftOnServer, Replicas},
    look::{LogLook, ServerLook},
};
use futures_util::FutureExt;
use rekindle_cluster::server::StorageServer;

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
        for server in running.storage.values() {
            let Some(id) = server.id().filter(|id| !running.found.contains_key(id)) else { continue };
            let held = server.backup().map_or(Vec::new(), |backup| backup.held());
            running.found.insert(id, held.into_iter().collect());
        }
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
