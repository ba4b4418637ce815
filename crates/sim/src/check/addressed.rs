//! Does nobody answer, or take answers, in another's name (F6)?

use rekindle_cluster::wire::{LaneKind, Party};

/// An end of a lane at which calls pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addressed {
    /// What the lane is for.
    pub lane: LaneKind,
    /// Which end.
    pub end: End,
    /// Whom the lane names.
    pub named: Party,
    /// Who is there: at the answering end by what the coordinator told that process, at the calling end by its welcome.
    pub there: Party,
}

/// An end of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Welcomes the lane, and answers its calls.
    Answers,
    /// Has been welcomed, and makes calls.
    Calls,
}

/// A lane that should not have been used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misaddressed {
    /// It should have been refused with `WrongServer`.
    #[error("{there} welcomed a {lane:?} lane that is for {named}")]
    Welcomed {
        /// What for.
        lane: LaneKind,
        /// For whom.
        named: Party,
        /// By whom.
        there: Party,
    },
    /// It should have been closed.
    #[error("calls for {named} go to {there}, who welcomed the {lane:?} lane")]
    Called {
        /// What for.
        lane: LaneKind,
        /// For whom.
        named: Party,
        /// By whom.
        there: Party,
    },
}

/// Checks one end.
///
/// # Errors
/// When somebody else is meant.
pub fn check_addressed(addressed: &Addressed) -> Result<(), Misaddressed> {
    let Addressed { lane, end, named, there } = *addressed;
    match end {
        _ if named == there => Ok(()),
        End::Answers => Err(Misaddressed::Welcomed { lane, named, there }),
        End::Calls => Err(Misaddressed::Called { lane, named, there }),
    }
}
