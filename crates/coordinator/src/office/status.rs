//! How the cluster is, told to operators.

use super::core::{Core, Inner};
use crate::Resilience;
use crate::entity::{OperationState, PartitionPhase, PartitionRecord, RecoverPhase};
use rekindle_env::Time;
use rekindle_types::{
    ClusterStatus, LogId, MemberStatus, PartitionOutcome, PartitionProgress, PartitionStatus, RecoveryPhase,
    RecoveryStatus, ServerEntry, ServerId,
};

impl Core {
    /// Looks at everything at once.
    pub fn status(&self) -> ClusterStatus {
        let now = self.now();
        let inner = self.inner.lock();
        let rooms = self.rooms.lock();
        let resilience = Resilience::of(&inner.state, &rooms);
        let placeable: Vec<ServerId> = inner.state.placeable().map(|entry| entry.id).collect();
        let ms = |at: Time| u64::try_from(now.since(at).as_millis()).unwrap_or(u64::MAX);
        let member = |entry: &ServerEntry| MemberStatus {
            entry: entry.clone(),
            is_placeable: placeable.contains(&entry.id),
            renewed_ms_ago: inner.leases.renewed(entry.id).map(ms),
            room: rooms.get(&entry.id).copied(),
        };
        ClusterStatus {
            term: self.term,
            is_held: inner.detector.is_held(),
            replicas: resilience.replicas,
            failures: resilience.failures(),
            failures_at_once: resilience.failures_at_once(),
            advice: resilience.to_string(),
            servers: inner.state.servers().iter().map(member).collect(),
            tables: inner.state.map().tables().collect(),
            tablets: inner.state.map().tablets().copied().collect(),
            recoveries: recoveries(&inner),
        }
    }
}

fn recoveries(inner: &Inner) -> Vec<RecoveryStatus> {
    let recoveries = inner.state.unfinished().filter_map(|operation| match operation.state {
        OperationState::Recover { server, phase } => Some((server, phase)),
        OperationState::CreateTable { .. } | OperationState::DropTable { .. } => None,
    });
    let told = recoveries.map(|(server, phase)| RecoveryStatus {
        server,
        phase: match phase {
            RecoverPhase::Discover => RecoveryPhase::Discovering,
            RecoverPhase::Replay => RecoveryPhase::Replaying,
            RecoverPhase::Release => RecoveryPhase::Releasing,
        },
        partitions: inner
            .state
            .partitions_of(LogId::of(server))
            .filter_map(|record| partition(inner, record))
            .collect(),
    });
    told.collect()
}

/// `None` for one that was cut.
fn partition(inner: &Inner, record: &PartitionRecord) -> Option<PartitionStatus> {
    let PartitionRecord { crashed, index, master, attempt, .. } = *record;
    let (progress, bytes) = match record.phase {
        PartitionPhase::Cut => return None,
        PartitionPhase::Committed(committed) => (PartitionProgress::Committed, committed.bytes),
        PartitionPhase::Ended(committed) => (PartitionProgress::Served, committed.bytes),
        PartitionPhase::Replay => match inner.reports.get(&(crashed, index)) {
            Some((told, of, PartitionOutcome::Committed { bytes, .. }))
                if (*told, *of) == (master, attempt) =>
            {
                (PartitionProgress::Replayed, *bytes)
            }
            _ => (PartitionProgress::Replaying, record.bytes),
        },
    };
    let bytes_replayed = match (progress, inner.replayed.get(&(crashed, index))) {
        // What was expected is an estimate.
        (PartitionProgress::Replaying, Some((of, replayed))) if *of == attempt => bytes.min(*replayed),
        (PartitionProgress::Replaying, _) => 0,
        _ => bytes,
    };
    Some(PartitionStatus { index, master, attempt, bytes, bytes_replayed, progress })
}
