//! Coordinators: the one in office, and one that another has taken the office from.

use super::{CLUSTER, SimCluster, identity};
use crate::config::SimStore;
use rekindle_cluster::{
    server::{CoordinatorServer, CoordinatorServerConfig},
    wire::Role,
};
use rekindle_coordinator::{
    ClusterSize, ClusterState, CoordinatorConfig, MemoryMetaLog, MetaLog,
    meta::{FileMetaLog, FileMetaLogConfig, Recorded},
};
use rekindle_env::memory::Crash;
use rekindle_types::ServerId;
use std::sync::Arc;

/// Name and address of the coordinator.
pub const COORDINATOR: &str = "coordinator";
/// Name and address of one that takes office beside it.
pub const SUCCESSOR: &str = "successor";

impl SimCluster {
    /// Where storage servers and clients look for a coordinator.
    pub(super) fn coordinators(&self) -> Vec<String> {
        let beside = (self.config.store == SimStore::Memory).then_some(SUCCESSOR);
        [COORDINATOR].into_iter().chain(beside).map(str::to_owned).collect()
    }

    /// Starts a coordinator on what is recorded.
    ///
    /// # Panics
    /// When one is running.
    pub fn start_coordinator(&self) {
        let reign = self.reign(COORDINATOR);
        let former = self.running.lock().coordinator.replace(reign);
        assert!(former.is_none(), "kill the coordinator before starting another");
    }

    /// With [`SimStore::Memory`]: another coordinator takes office while the former one runs on, and is not told. A file's
    /// lock excludes that (F4). Whether there was a former one.
    pub fn depose_coordinator(&self) -> bool {
        let has_successor = self.running.lock().deposed.is_some();
        if has_successor || self.coordinator(|_| ()).is_none() {
            return false;
        }
        let successor = self.reign(SUCCESSOR);
        let running = &mut *self.running.lock();
        running.deposed = running.coordinator.replace(successor);
        true
    }

    fn reign(&self, seat: &str) -> CoordinatorServer {
        let env = self.boot(seat);
        let transport = self.network.endpoint(seat, identity(seat, Role::Coordinator));
        let rules = self.config.rules;
        let coordinator = CoordinatorConfig {
            partition_bytes: self.config.partition_bytes,
            rules,
            ..CoordinatorConfig::new(ClusterSize::Replicas(self.config.replicas))
        };
        let config = CoordinatorServerConfig { cluster: CLUSTER, coordinator };
        let meta: Arc<dyn MetaLog> = match self.config.store {
            SimStore::Memory => Arc::new(self.meta.clone()),
            SimStore::Disks(_) => {
                let files = FileMetaLogConfig { rules, ..FileMetaLogConfig::new(CLUSTER.0) };
                Arc::new(FileMetaLog::new(&env, files))
            }
        };
        let timeline = Arc::new(self.timeline.clone());
        CoordinatorServer::start_observed(config, env, transport, meta, timeline)
            .expect("the simulation's settings are valid")
    }

    /// Kills the coordinator: its record stays.
    pub fn kill_coordinator(&self) {
        self.crash_coordinator(Crash::DropUnsynced);
    }

    /// Kills the coordinator, and the one that it has deposed; `crash` says what their disk forgets.
    pub fn crash_coordinator(&self, crash: Crash) {
        let (killed, deposed) = {
            let running = &mut *self.running.lock();
            (running.coordinator.take(), running.deposed.take())
        };
        self.kill_node(COORDINATOR, crash);
        if deposed.is_some() {
            self.kill_node(SUCCESSOR, crash);
        }
        drop((killed, deposed));
    }

    /// Asks the server of the coordinator that took office last for something, if it runs.
    pub fn coordinator<T>(&self, ask: impl FnOnce(&CoordinatorServer) -> T) -> Option<T> {
        self.running.lock().coordinator.as_ref().map(ask)
    }

    /// Whether a coordinator is in office and has it on record that this server is recovered and gone. A coordinator that
    /// crashes at that record tells no observer.
    #[must_use]
    pub fn has_left(&self, id: ServerId) -> bool {
        let is_gone =
            |state: &ClusterState| id < state.servers().next_id() && state.servers().entry(id).is_none();
        self.coordinator(|c| c.coordinator().is_some_and(|c| c.look(is_gone))).unwrap_or(false)
    }

    /// Starts another coordinator when the reign of the one that runs is over. Whether it was.
    pub fn replace_crashed_coordinator(&self) -> bool {
        let is_over = self.coordinator(|c| c.ended().is_some()).unwrap_or(false);
        if is_over {
            self.kill_coordinator();
            self.start_coordinator();
        }
        is_over
    }

    /// With [`SimStore::Memory`]: the coordinator's record.
    #[must_use]
    pub fn meta(&self) -> &MemoryMetaLog {
        &self.meta
    }

    /// With [`SimStore::Memory`]: whether the coordinator that was started last has met the crash that was asked of its meta log.
    #[must_use]
    pub fn has_coordinator_crashed(&self) -> bool {
        self.meta.has_crashed()
    }

    /// With [`SimStore::Memory`]: lets the coordinator crash at its `n`th append from now.
    pub fn crash_coordinator_after(&self, n: u64, recorded: Recorded) {
        self.meta.crash_after(n, recorded);
    }

    /// With [`SimStore::Memory`]: the coordinator does not crash at an append after all.
    pub fn keep_coordinator(&self) {
        self.meta.crash_after(u64::MAX, Recorded::No);
    }
}
