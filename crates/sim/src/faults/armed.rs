//! Faults that strike when something comes to pass: a sync, a record, a write.

use super::{Step, Strike, striker::Undo};
use crate::{COORDINATOR, SimCluster, SimStore, name};
use rekindle_env::{
    Clock,
    memory::{Crash, Disk},
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// Between two looks whether it has come.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// What was prepared.
#[derive(Clone, Copy, Debug)]
pub(super) enum Armed {
    /// The server stands still at a call to its disk, and is killed then.
    Halt { server: u32, crash: Crash },
    /// The coordinator stops at a record, and is killed then.
    Record { crash: Crash },
    /// A sync of the server's disk fails, beside so many before.
    Sync { server: u32, failed: u64 },
    /// One of the coordinator's.
    CoordinatorSync { failed: u64 },
    /// A write lands elsewhere, beside so many before.
    Misdirect { server: u32, misdirected: u64 },
}

impl Armed {
    /// Waits until it has come, and sees to what follows. None, and called off, when it has not come in time.
    pub(super) async fn come(
        self,
        cluster: &SimCluster,
        clock: &dyn Clock,
    ) -> Option<(Undo, BTreeSet<Step>)> {
        let deadline = clock.now() + Strike::PATIENCE;
        while !self.has_come(cluster) {
            if clock.now() >= deadline {
                self.call_off(cluster);
                return None;
            }
            clock.sleep(LOOK_EVERY).await;
        }
        let steps = Step::of(cluster);
        Some((self.follow(cluster), steps))
    }

    fn has_come(self, cluster: &SimCluster) -> bool {
        match self {
            Self::Halt { server, .. } => disk(cluster, server).has_halted(),
            Self::Record { .. } if cluster.config().store == SimStore::Memory => {
                cluster.has_coordinator_crashed()
            }
            Self::Record { .. } => coordinator_disk(cluster).has_halted(),
            Self::Sync { server, failed } => disk(cluster, server).failed_syncs() > failed,
            Self::CoordinatorSync { failed } => coordinator_disk(cluster).failed_syncs() > failed,
            Self::Misdirect { server, misdirected } => disk(cluster, server).misdirected() > misdirected,
        }
    }

    fn call_off(self, cluster: &SimCluster) {
        match self {
            Self::Halt { server, .. } => disk(cluster, server).halt_at(None),
            Self::Record { .. } if cluster.config().store == SimStore::Memory => cluster.keep_coordinator(),
            Self::Record { .. } => coordinator_disk(cluster).halt_at(None),
            Self::Sync { server, .. } => disk(cluster, server).fail_no_sync(),
            Self::CoordinatorSync { .. } => coordinator_disk(cluster).fail_no_sync(),
            Self::Misdirect { server, .. } => disk(cluster, server).misdirect(None),
        }
    }

    /// What stands still is dead; what failed ends by itself, or is started anew later.
    fn follow(self, cluster: &SimCluster) -> Undo {
        match self {
            Self::Halt { server, crash } => {
                cluster.crash_storage(server, crash);
                Undo::Start(vec![server])
            }
            Self::Record { crash } => {
                cluster.crash_coordinator(crash);
                Undo::StartCoordinator
            }
            Self::Sync { server, .. } => Undo::Restart(server),
            Self::CoordinatorSync { .. } => Undo::Nothing(COORDINATOR.to_owned()),
            Self::Misdirect { server, .. } => Undo::Nothing(name(server)),
        }
    }
}

pub(super) fn disk(cluster: &SimCluster, server: u32) -> Arc<Disk> {
    cluster.node(server).disk()
}

pub(super) fn coordinator_disk(cluster: &SimCluster) -> Arc<Disk> {
    cluster.world.node(COORDINATOR).disk()
}
