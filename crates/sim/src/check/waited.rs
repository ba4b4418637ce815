//! Does nobody get a tablet before its former owner's lease is surely over?

use rekindle_env::Time;
use rekindle_types::ServerId;

/// Tablets of a dead server were given to another, without proof of its death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Whose.
    pub dead: ServerId,
    /// When that was on record, at the latest.
    pub at: Time,
    /// Until when its last answered renewal may cover it, whatever its clock shows (F2).
    pub covered_until: Time,
}

/// It may serve them as well (F3): whether it lives makes no difference, since nobody knew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tablets of {0:?} were given to another before the lease was over")]
pub struct NotWaited(pub Commit);

/// Checks the commit of one partition.
///
/// # Errors
/// When it came too early.
pub fn check_waited(commit: Commit) -> Result<(), NotWaited> {
    if commit.at < commit.covered_until { Err(NotWaited(commit)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_waits_for_the_whole_lease() {
        let commit = |at| Commit { dead: ServerId(3), at: Time(at), covered_until: Time(500) };
        assert_eq!(check_waited(commit(500)), Ok(()));
        assert_eq!(check_waited(commit(499)), Err(NotWaited(commit(499))));
    }
}
