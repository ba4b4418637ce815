//! Looked at again and again while everything runs. Also whoever starts processes that have ended.

use crate::{SimCluster, check_single_owner};
use rekindle_cluster::server::StorageServer;
use rekindle_coordinator::{ClusterState, Event, entity::OperationState};
use rekindle_types::{ServerId, TableId};
use std::collections::BTreeSet;

/// What a look needs to know of those before.
pub(super) struct Watch<'a> {
    cluster: &'a SimCluster,
    events_seen: usize,
    /// Dead servers of which something has been given to others.
    replaced: BTreeSet<ServerId>,
    /// Processes that had ended by themselves and were started again.
    pub(super) restarts: u64,
}

impl<'a> Watch<'a> {
    pub(super) fn new(cluster: &'a SimCluster) -> Self {
        Self { cluster, events_seen: 0, replaced: BTreeSet::new(), restarts: 0 }
    }

    /// One look: what is wrong, if something is.
    pub(super) fn look(&mut self) -> Result<(), String> {
        self.supervise();
        check_single_owner(self.cluster).map_err(|violation| violation.to_string())?;
        self.leases_have_ended()?;
        self.memory_is_bounded()?;
        self.heads_open_in_order()?;
        let office = self.cluster.coordinator(|c| c.coordinator()).flatten();
        office.map_or(Ok(()), |office| office.look(operations_are_apart))
    }

    /// Starts again what ended by itself: a server that was declared dead, a coordinator that lost its office.
    fn supervise(&mut self) {
        self.restarts += u64::from(self.cluster.replace_crashed_coordinator());
        for server in self.cluster.running() {
            let has_ended = |s: &StorageServer| s.is_removed() || s.ended().is_some();
            let node = self.cluster.node(server);
            if self.cluster.storage(server, has_ended) == Some(true) && node.is_up() {
                self.cluster.kill_storage(server);
                self.cluster.start_storage(server);
                self.restarts += 1;
            }
        }
    }

    /// F3: whoever's tablets were given to others has no lease any more.
    fn leases_have_ended(&mut self) -> Result<(), String> {
        let events = self.cluster.timeline.since(self.events_seen);
        self.events_seen += events.len();
        let committed = events.iter().filter_map(|(_, event)| match event {
            Event::Committed { dead, .. } => Some(*dead),
            _ => None,
        });
        self.replaced.extend(committed);
        for status in self.cluster.statuses().values() {
            if status.has_lease && !status.is_removed && self.replaced.contains(&status.server) {
                return Err(format!("{} has a lease, and others have its tablets", status.server));
            }
        }
        Ok(())
    }

    /// H1: behind a head that is not open on all yet no other is opened.
    fn heads_open_in_order(&self) -> Result<(), String> {
        for status in self.cluster.statuses().values() {
            let opening = status.replication.opening;
            if opening > 1 {
                return Err(format!("{} opens {opening} heads at once", status.server));
            }
        }
        Ok(())
    }

    /// No log has more memory than it was given, and no call waits beyond the limit.
    fn memory_is_bounded(&self) -> Result<(), String> {
        for status in self.cluster.statuses().values() {
            // Emergency heads have frames of their own (L2).
            if status.log.segments > status.log.segments_max + EMERGENCY_SEGMENTS {
                return Err(format!(
                    "{} has {} segments, {} given",
                    status.server, status.log.segments, status.log.segments_max
                ));
            }
        }
        Ok(())
    }
}

/// Heads beyond the memory that a log was given.
const EMERGENCY_SEGMENTS: u32 = 4;

/// No two operations under way do one thing about one server or one table. A table may be dropped before it is made: then
/// its making comes to an end, as there is nothing left to make.
fn operations_are_apart(state: &ClusterState) -> Result<(), String> {
    let mut servers: BTreeSet<ServerId> = BTreeSet::new();
    let (mut made, mut dropped): (BTreeSet<TableId>, BTreeSet<TableId>) = Default::default();
    for operation in state.unfinished() {
        let is_new = match &operation.state {
            OperationState::CreateTable { table, .. } => made.insert(table.id),
            OperationState::DropTable { table, .. } => dropped.insert(table.id),
            OperationState::Recover { server, .. } => servers.insert(*server),
        };
        if !is_new {
            return Err(format!("two operations about one thing: {operation:?}"));
        }
    }
    Ok(())
}
