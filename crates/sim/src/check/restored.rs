//! Is everything served, and on R backups, and nothing else on any?

use crate::look::Look;
use rekindle_backup::replicator::KnownReplica;
use rekindle_types::{LogId, ReplicaId, SegmentId, ServerId, TabletState};
use std::collections::{BTreeMap, BTreeSet};

/// Something is not as it was before the faults.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRestored {
    /// Nobody decides anything.
    #[error("no coordinator is in office")]
    NoCoordinator,
    /// A part of a table is served by nobody, or not by whom and as the record says.
    #[error("{0} is not served by its owner")]
    NotServed(String),
    /// A server is dead, and its tablets are not all back.
    #[error("{0} is dead and not recovered")]
    NotRecovered(ServerId),
    /// A master's segments have not their R replicas.
    #[error("{0} has {1} segments that are not settled on R backups")]
    NotReplicated(ServerId, usize),
}

/// Checks a look at a cluster that nothing hinders any more: every tablet is served, by its owner, as recorded; every
/// death is recovered; every segment but the heads is on R backups, as far as its master knows.
///
/// # Errors
/// What is still missing.
pub fn check_restored(look: &Look) -> Result<(), NotRestored> {
    let Some(record) = &look.record else { return Err(NotRestored::NoCoordinator) };
    for tablet in &record.tablets {
        let owner = look.servers.iter().find(|s| s.server == tablet.owner && s.may_serve);
        let is_it = |(t, version): (&rekindle_cluster::master::TabletStatus, _)| {
            (t.table, t.range, version) == (tablet.table, tablet.range, tablet.version)
        };
        let is_served = owner.is_some_and(|owner| owner.serving().any(is_it));
        if tablet.state != TabletState::Normal || !is_served {
            return Err(NotRestored::NotServed(format!("{tablet:?}")));
        }
    }
    if let Some(dead) = record.unrecovered.first() {
        return Err(NotRestored::NotRecovered(*dead));
    }
    // A zombie keeps what it has; nobody waits for it. The head is never settled.
    let mut members = look.servers.iter().filter(|server| !server.is_removed);
    match members.find(|server| server.has_too_few || server.unsettled > 1) {
        Some(server) => Err(NotRestored::NotReplicated(server.server, server.unsettled)),
        None => Ok(()),
    }
}

/// A replica that takes a frame of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeldReplica {
    /// Of which.
    pub backup: ServerId,
    /// Which.
    pub replica: ReplicaId,
    /// The process that wrote it is gone: it was on the disk when its backup started. While its master lives, nobody
    /// tells that backup what has become of it (L4).
    pub is_from_before: bool,
    /// Its store has failed, and frees nothing any more.
    pub is_poisoned: bool,
}

/// All replicas of a cluster that is at rest, as masters know them and as backups hold them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replicas {
    /// R.
    pub replicas: usize,
    /// Masters that are up.
    pub masters: BTreeSet<ServerId>,
    /// What these know of.
    pub known: Vec<KnownReplica>,
    /// What is there.
    pub held: Vec<HeldReplica>,
}

/// Masters and backups disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Astray {
    /// A segment has another number of replicas than R, or two on one backup.
    #[error("{1} of {0:?} has {2} replicas on different backups")]
    NotR(LogId, SegmentId, usize),
    /// A replica counts that its backup has not.
    #[error("{0:?} counts and is not there")]
    Missing(KnownReplica),
    /// A replica takes a frame, and no master knows of it: it will never be freed.
    #[error("{0:?} takes a frame, and nobody knows of it")]
    Leaked(HeldReplica),
}

/// Checks that backups hold what masters count, on R different backups, and nothing that no master knows of.
///
/// # Errors
/// The first replica that is missing, or leaked.
pub fn check_replicas(all: &Replicas) -> Result<(), Astray> {
    let held: BTreeSet<(ServerId, ReplicaId)> = all.held.iter().map(|h| (h.backup, h.replica)).collect();
    let mut backups: BTreeMap<(LogId, SegmentId), BTreeSet<ServerId>> = BTreeMap::new();
    for known in all.known.iter().filter(|known| known.is_needed) {
        if !held.contains(&(known.backup, known.replica)) {
            return Err(Astray::Missing(*known));
        }
        backups.entry((known.replica.log, known.replica.segment)).or_default().insert(known.backup);
    }
    if let Some(((log, segment), on)) = backups.iter().find(|(_, on)| on.len() != all.replicas) {
        return Err(Astray::NotR(*log, *segment, on.len()));
    }
    let known: BTreeSet<(ServerId, ReplicaId)> = all.known.iter().map(|k| (k.backup, k.replica)).collect();
    let is_leaked = |held: &&HeldReplica| {
        let has_master = all.masters.contains(&held.replica.log.server);
        let is_excused = held.is_poisoned || held.is_from_before && has_master;
        !is_excused && !known.contains(&(held.backup, held.replica))
    };
    all.held.iter().find(is_leaked).map_or(Ok(()), |held| Err(Astray::Leaked(*held)))
}
