//! After the batch: the new owner is told what it serves (T3).

use super::{orders::Ordered, partition::Recovery, scribe::Decision};
use crate::entity::{Committed, PartitionRecord};
use crate::{ClusterState, Event, OrderKind, TabletGrant, change};
use rekindle_types::Tablet;

impl Recovery<'_> {
    /// Tells the master what it serves, and what not; done when it has confirmed, or is no member any more.
    pub async fn serve(&self, partition: &PartitionRecord, committed: Committed) {
        let (master, cause) = (partition.master, committed.granted);
        let dropped = loop {
            let (grants, dropped) = self.core.read(|state| grants(state, partition, committed));
            let told = match &grants[..] {
                [] => break dropped,
                _ => self.core.insist(master, OrderKind::Serve { cause, tablets: grants.clone() }).await,
            };
            // A drop came first that is recorded by now: what is left is told again.
            let left = self.core.read(|state| self::grants(state, partition, committed)).0;
            if !matches!(told, Ordered::Superseded) || left == grants {
                break dropped;
            }
        };
        // What was replayed of tables that are gone by now (T1).
        for Tablet { table, range, .. } in dropped {
            self.core.insist(master, OrderKind::Drop { cause, table, range }).await;
        }
        let recorded = self.core.record(|state| {
            let now = state.partition(self.log, partition.index);
            match now.and_then(|now| change::served(state, now)) {
                Some(batch) => Decision::Record(batch, ()),
                None => Decision::Settled(()),
            }
        });
        if recorded.await.is_err() {
            self.core.clock.sleep(self.core.config.times.heartbeat).await;
        } else if self.core.is_up(master) {
            self.core.observe(&Event::Served { dead: self.dead, partition: partition.index, master });
        }
    }
}

/// What the partition's master shall serve, and the pieces that it shall not.
fn grants(
    state: &ClusterState,
    partition: &PartitionRecord,
    committed: Committed,
) -> (Vec<TabletGrant>, Vec<Tablet>) {
    let replayed = Some((partition.crashed, partition.index, partition.attempt));
    let (mut grants, mut dropped) = (Vec::new(), Vec::new());
    for piece in &partition.pieces {
        let entry = state.map().lookup(piece.table, piece.range.first());
        match entry.filter(|t| t.owner == partition.master && t.version.0 == committed.granted.0) {
            Some(&Tablet { table, range, version, created, .. }) => {
                grants.push(TabletGrant { table, range, version, created, replayed });
            }
            None => dropped.push(*piece),
        }
    }
    (grants, dropped)
}
