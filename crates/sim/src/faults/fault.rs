//! What can go wrong.

use crate::weather::Climate;
use rekindle_env::memory::Crash;
use std::{fmt, time::Duration};

/// Chooses one of those that are there when the fault strikes, whoever that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick(pub u64);

impl Pick {
    /// The chosen one, if there is any.
    #[must_use]
    pub fn of<T: Clone>(self, some: &[T]) -> Option<T> {
        let count = some.len() as u64;
        some.get((self.0.checked_rem(count)?) as usize).cloned()
    }
}

/// A fault, with all that is drawn about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// A storage server is killed, and started again when the strike ends.
    Kill {
        /// Which.
        server: Pick,
        /// What its disk forgets.
        crash: Crash,
    },
    /// Two at once.
    KillTwo {
        /// Which.
        servers: [Pick; 2],
        /// What their disks forget.
        crash: Crash,
    },
    /// A storage server is killed at a sync of its disk: what it wrote is durable or not, and nobody has its answer.
    KillAtSync {
        /// Which.
        server: Pick,
        /// Syncs before that.
        after: u64,
        /// Whether the sync itself was carried out.
        takes_effect: bool,
        /// What its disk forgets.
        crash: Crash,
    },
    /// A storage server is killed, and once more while it starts, at a call to its disk.
    KillStarting {
        /// Which.
        server: Pick,
        /// Calls before that.
        after: u64,
        /// Whether the call itself was carried out.
        takes_effect: bool,
        /// What its disk forgets, both times.
        crash: Crash,
    },
    /// A storage server is stopped cleanly, and started again when the strike ends.
    Stop {
        /// Which.
        server: Pick,
    },
    /// The coordinator is killed.
    KillCoordinator {
        /// What its disk forgets.
        crash: Crash,
    },
    /// The coordinator is killed at a record of its meta log: it is there or not, and nobody was told.
    KillCoordinatorAtRecord {
        /// Records before that.
        after: u64,
        /// Whether the record is there.
        takes_effect: bool,
        /// What its disk forgets.
        crash: Crash,
    },
    /// Everything is killed at once.
    PowerLoss {
        /// What the disks forget.
        crash: Crash,
    },
    /// A storage server stands still: its clock goes on.
    Pause {
        /// Which.
        server: Pick,
    },
    /// The coordinator stands still.
    PauseCoordinator,
    /// No frame comes from one server (or the coordinator) to another; the way back is open.
    CutOneWay {
        /// Whose frames are lost.
        from: Pick,
        /// Who does not get them.
        to: Pick,
    },
    /// One server and the coordinator can't reach each other.
    CutFromCoordinator {
        /// Which.
        server: Pick,
    },
    /// One server can reach no other, nor the coordinator; clients can.
    Isolate {
        /// Which.
        server: Pick,
    },
    /// The coordinator can reach no server, and none of them it: all fall silent at once (F8).
    IsolateCoordinator,
    /// Another coordinator takes office while the former one runs on, cut off with one server from all others (F4).
    Depose {
        /// Which.
        loyal: Pick,
    },
    /// The network is so rough.
    Weather(Climate),
    /// Each disk call takes up to so long.
    SlowDisk {
        /// Whose disk.
        server: Pick,
        /// Longest time of a call.
        latency: Duration,
    },
    /// The disk takes only so many bytes more.
    FullDisk {
        /// Whose disk.
        server: Pick,
        /// Bytes that still fit.
        free_bytes: u64,
    },
    /// A sync fails; the process is started again when the strike ends.
    FailSync {
        /// Whose disk.
        server: Pick,
        /// Syncs that still succeed.
        after: u64,
    },
    /// Each call to the coordinator's disk takes up to so long.
    SlowCoordinatorDisk {
        /// Longest time of a call.
        latency: Duration,
    },
    /// The coordinator's disk takes only so many bytes more.
    FullCoordinatorDisk {
        /// Bytes that still fit.
        free_bytes: u64,
    },
    /// A sync of the coordinator's disk fails: its reign is over, and another begins.
    FailCoordinatorSync {
        /// Syncs that still succeed.
        after: u64,
    },
    /// Bits of the file of frames turn over, mostly in frames that are in use; mostly a master dies then whose
    /// replicas they hold, if disks keep what was acknowledged.
    Flip {
        /// Whose disk.
        server: Pick,
        /// How many bytes are hit.
        bytes: u64,
        /// Where, as a draw.
        at: Pick,
    },
    /// Bits of a replica's journal turn over; mostly its backup dies then.
    FlipJournal {
        /// Whose disk.
        server: Pick,
        /// How many bytes are hit.
        bytes: u64,
        /// Which journal, and where, as a draw; and whether the backup dies.
        at: Pick,
    },
    /// A write of a replica's frame lands in the place of another.
    Misdirect {
        /// Whose disk.
        server: Pick,
        /// Writes that still go where they should.
        after: u64,
        /// Where, as a draw.
        to: Pick,
    },
    /// The server's clock changes its rate, within what F2 assumes.
    Drift {
        /// Whose clock.
        server: Pick,
        /// Millionths, to the coordinator's.
        ppm: i32,
    },
}

/// Faults of one kind, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of the faults")]
pub enum Kind {
    Kill,
    KillTwo,
    KillAtSync,
    KillStarting,
    Stop,
    KillCoordinator,
    KillCoordinatorAtRecord,
    PowerLoss,
    Pause,
    PauseCoordinator,
    CutOneWay,
    CutFromCoordinator,
    Isolate,
    IsolateCoordinator,
    Depose,
    Weather,
    SlowDisk,
    FullDisk,
    FailSync,
    SlowCoordinatorDisk,
    FullCoordinatorDisk,
    FailCoordinatorSync,
    Flip,
    FlipJournal,
    Misdirect,
    Drift,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 26] = [
        Self::Kill,
        Self::KillTwo,
        Self::KillAtSync,
        Self::KillStarting,
        Self::Stop,
        Self::KillCoordinator,
        Self::KillCoordinatorAtRecord,
        Self::PowerLoss,
        Self::Pause,
        Self::PauseCoordinator,
        Self::CutOneWay,
        Self::CutFromCoordinator,
        Self::Isolate,
        Self::IsolateCoordinator,
        Self::Depose,
        Self::Weather,
        Self::SlowDisk,
        Self::FullDisk,
        Self::FailSync,
        Self::SlowCoordinatorDisk,
        Self::FullCoordinatorDisk,
        Self::FailCoordinatorSync,
        Self::Flip,
        Self::FlipJournal,
        Self::Misdirect,
        Self::Drift,
    ];
}

impl Kind {
    /// Whether a server dies of it, or may be declared dead, soon.
    pub(super) fn ends_a_server(self) -> bool {
        matches!(
            self,
            Self::Kill | Self::KillTwo | Self::KillAtSync | Self::KillStarting | Self::Stop | Self::FailSync
        )
    }

    /// Whether it strikes only when something comes to pass.
    pub(super) fn waits(self) -> bool {
        matches!(self, Self::KillAtSync | Self::KillStarting | Self::FailSync)
    }

    /// Whether there has to be a coordinator for it.
    pub(super) fn needs_a_coordinator(self) -> bool {
        matches!(
            self,
            Self::KillCoordinator | Self::KillCoordinatorAtRecord | Self::PauseCoordinator | Self::Depose
        )
    }

    /// Whether the coordinator dies of it.
    pub(super) fn ends_a_reign(self) -> bool {
        matches!(
            self,
            Self::KillCoordinator
                | Self::KillCoordinatorAtRecord
                | Self::PowerLoss
                | Self::FailCoordinatorSync
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Fault {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Kill { .. } => Kind::Kill,
            Self::KillTwo { .. } => Kind::KillTwo,
            Self::KillAtSync { .. } => Kind::KillAtSync,
            Self::KillStarting { .. } => Kind::KillStarting,
            Self::Stop { .. } => Kind::Stop,
            Self::KillCoordinator { .. } => Kind::KillCoordinator,
            Self::KillCoordinatorAtRecord { .. } => Kind::KillCoordinatorAtRecord,
            Self::PowerLoss { .. } => Kind::PowerLoss,
            Self::Pause { .. } => Kind::Pause,
            Self::PauseCoordinator => Kind::PauseCoordinator,
            Self::CutOneWay { .. } => Kind::CutOneWay,
            Self::CutFromCoordinator { .. } => Kind::CutFromCoordinator,
            Self::Isolate { .. } => Kind::Isolate,
            Self::IsolateCoordinator => Kind::IsolateCoordinator,
            Self::Depose { .. } => Kind::Depose,
            Self::Weather(_) => Kind::Weather,
            Self::SlowDisk { .. } => Kind::SlowDisk,
            Self::FullDisk { .. } => Kind::FullDisk,
            Self::FailSync { .. } => Kind::FailSync,
            Self::SlowCoordinatorDisk { .. } => Kind::SlowCoordinatorDisk,
            Self::FullCoordinatorDisk { .. } => Kind::FullCoordinatorDisk,
            Self::FailCoordinatorSync { .. } => Kind::FailCoordinatorSync,
            Self::Flip { .. } => Kind::Flip,
            Self::FlipJournal { .. } => Kind::FlipJournal,
            Self::Misdirect { .. } => Kind::Misdirect,
            Self::Drift { .. } => Kind::Drift,
        }
    }

    /// Whether what it destroys stays so until somebody reads it.
    #[must_use]
    pub fn spoils(&self) -> bool {
        matches!(self, Self::Flip { .. } | Self::FlipJournal { .. } | Self::Misdirect { .. })
    }

    /// How many servers may lose replicas that were acknowledged, when `keeps` says whether disks keep what was
    /// acknowledged. As many as R together are borne.
    #[must_use]
    pub fn harm(&self, keeps: bool) -> u32 {
        match self {
            _ if self.spoils() => 1,
            _ if keeps => 0,
            Self::Kill { .. } | Self::KillAtSync { .. } | Self::KillStarting { .. } => 1,
            Self::FailSync { .. } | Self::FullDisk { .. } => 1,
            // Without a disk that keeps, what it leaves behind is gone.
            Self::Stop { .. } => 1,
            // May be declared dead, and then starts anew, or with what it has.
            Self::Pause { .. } | Self::CutOneWay { .. } | Self::CutFromCoordinator { .. } => 1,
            Self::Isolate { .. } | Self::Depose { .. } => 1,
            Self::KillTwo { .. } => 2,
            // F8: no more are declared dead at once without proof.
            Self::Weather(_) | Self::IsolateCoordinator => 2,
            Self::PowerLoss { .. } => u32::MAX,
            _ => 0,
        }
    }
}
