//! Does a backup that comes again have all that it had acknowledged, and does it cry wolf?

use rekindle_types::ReplicaId;
use std::collections::{BTreeMap, BTreeSet};

/// What a backup has acknowledged of a replica that was neither freed nor replaced since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// Which.
    pub replica: ReplicaId,
    /// Up to where it is valid.
    pub length: u32,
    /// Its close was.
    pub is_closed: bool,
}

/// What a fault other than a death has done to what is stored of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spoilt {
    /// It changed records of which a later one says that they were synced (J2).
    Provably,
    /// What it changed can't be told from what a death tore, or was never written where it belongs.
    Unnoticeably,
}

/// A replica that a backup lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Which.
    pub replica: ReplicaId,
    /// Up to where it is valid.
    pub length: u32,
    /// Whether it is closed.
    pub is_closed: bool,
    /// All of it is on the disk as it was written, or in memory.
    pub is_whole: bool,
}

/// A backup that came again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Returned {
    /// What it had acknowledged, of logs whose replicas are not being freed.
    pub acknowledged: Vec<Acknowledged>,
    /// What it lists.
    pub listed: Vec<Listed>,
    /// What it says is damaged.
    pub damaged: BTreeSet<ReplicaId>,
    /// What faults other than deaths have changed.
    pub spoilt: BTreeMap<ReplicaId, Spoilt>,
}

/// A backup that came again has not what it should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotKept {
    /// What was acknowledged is gone, or is less, and nothing is said about it.
    #[error("{0:?} was acknowledged; after the start there is {1:?}")]
    Lost(Acknowledged, Option<Listed>),
    /// It calls damaged what only a death can have torn.
    #[error("{0} is called damaged, and nothing but deaths has struck it")]
    FalseAlarm(ReplicaId),
    /// It lists what it can't give (J4).
    #[error("{0} is listed, and is not on the disk as it was written")]
    Hollow(ReplicaId),
}

/// Checks a backup at its start.
///
/// # Errors
/// The first replica that is not as it should be.
pub fn check_kept(returned: &Returned) -> Result<(), NotKept> {
    for one in &returned.acknowledged {
        let id = one.replica;
        let listed =
            returned.listed.iter().find(|l| (l.replica.log, l.replica.segment) == (id.log, id.segment));
        if listed.is_some_and(|listed| has_all(listed, one)) {
            continue;
        }
        let is_borne = match returned.spoilt.get(&id) {
            Some(Spoilt::Unnoticeably) => true,
            Some(Spoilt::Provably) => returned.damaged.contains(&id),
            None => false,
        };
        if !is_borne {
            return Err(NotKept::Lost(*one, listed.copied()));
        }
    }
    if let Some(id) = returned.damaged.iter().find(|id| !returned.spoilt.contains_key(id)) {
        return Err(NotKept::FalseAlarm(*id));
    }
    let hollow = |listed: &&Listed| !listed.is_whole && !returned.spoilt.contains_key(&listed.replica);
    returned.listed.iter().find(hollow).map_or(Ok(()), |listed| Err(NotKept::Hollow(listed.replica)))
}

/// P2, P3: a higher creation has taken the place of a lower one.
fn has_all(listed: &Listed, acknowledged: &Acknowledged) -> bool {
    let Acknowledged { replica, length, is_closed } = *acknowledged;
    listed.replica.creation > replica.creation
        || listed.replica == replica && listed.length >= length && (listed.is_closed || !is_closed)
}
