//! Why a run can't go on.

use crate::Time;

/// Nobody will ever finish what is waited for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stuck at {now:?}: {why}; tasks left: [{}]; make one of them progress or wait for less", tasks.join(", "))]
pub struct Stuck {
    /// When.
    pub now: Time,
    /// In which way.
    pub why: Why,
    /// The tasks that are left, as `node/name#number`.
    pub tasks: Vec<String>,
}

/// In which way a run is stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// No task is ready and no timer waits.
    #[error("no task is ready and no timer waits")]
    Deadlock,
    /// Tasks wake each other without end while the clock stands.
    #[error("more than {0} polls without the clock moving")]
    Livelock(u64),
    /// [`super::WorldConfig::time_max`] is over.
    #[error("the virtual time of the world is over")]
    TimeMax,
}
