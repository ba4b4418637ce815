//! What must hold of a cluster as a whole, looked at now.

use crate::{
    SimCluster,
    check::{NotRestored, TwoOwners, WrongEntry, check_map, check_one_owner, check_restored},
    look::Looks,
};

/// Something that must never be, or is not yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A range has two owners.
    #[error(transparent)]
    TwoOwners(#[from] TwoOwners),
    /// Not everything is served, recovered, on R backups.
    #[error(transparent)]
    NotRestored(#[from] NotRestored),
    /// The map names what is not there.
    #[error(transparent)]
    WrongEntry(#[from] WrongEntry),
}

/// At every instant: no range has two owners.
pub fn check_single_owner(cluster: &SimCluster) -> Result<(), Violation> {
    Ok(check_one_owner(&Looks::default().take(cluster))?)
}

/// Once everything has settled: every tablet of the map is served, by its owner, as recorded, and R replicas of
/// everything exist.
pub fn check_settled(cluster: &SimCluster) -> Result<(), Violation> {
    let look = Looks::default().take(cluster);
    check_one_owner(&look)?;
    check_restored(&look)?;
    Ok(look.record.as_ref().map_or(Ok(()), |record| check_map(record))?)
}
