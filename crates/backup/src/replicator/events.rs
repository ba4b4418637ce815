//! What the replicator is told.

use crate::BackupError;
use rekindle_log::{Certificate, SegmentKind};
use rekindle_types::{CreationNumber, RemoteError, SegmentId, ServerId};

/// Names a call to a backup. Answers to calls that nobody waits for any more are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId {
    /// The segment.
    pub segment: SegmentId,
    /// The replica of it.
    pub creation: CreationNumber,
    /// Which call for that replica.
    pub attempt: u32,
}

/// Something has happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The log opened a segment with first bytes up to `cert`; `after` is the head before this one.
    Open {
        /// Ids of heads ascend.
        segment: SegmentId,
        /// For a head that is not the log's first.
        after: Option<SegmentId>,
        /// What for.
        kind: SegmentKind,
        /// Of the first bytes.
        cert: Certificate,
    },
    /// The log appended up to `cert`.
    Append {
        /// Where.
        segment: SegmentId,
        /// Of all bytes now.
        cert: Certificate,
    },
    /// Nothing follows in the segment.
    Close {
        /// Which.
        segment: SegmentId,
        /// Its last.
        cert: Certificate,
    },
    /// The segment is needed no more: the current head's digest leaves it out, or none ever named it.
    Free {
        /// Which.
        segment: SegmentId,
    },
    /// A call came back.
    Answered {
        /// Which.
        call: CallId,
        /// With what.
        outcome: Outcome,
    },
    /// Nobody waits for a call any longer: as if `replica_timeout` had passed since it was sent.
    Expired {
        /// Which.
        call: CallId,
    },
    /// A newer server list.
    Servers {
        /// Members without the own server.
        up: Vec<Candidate>,
        /// Whether the own server is one.
        is_member: bool,
    },
    /// How fast a backup reads.
    ReadRate {
        /// Which.
        server: ServerId,
        /// Zero for unknown.
        bytes_per_second: u64,
    },
    /// The coordinator answered, or did not.
    Floor {
        /// What it was asked to store.
        floor: SegmentId,
        /// What came of it.
        outcome: FloorOutcome,
    },
    /// Time passes.
    Tick,
}

/// How a call to a backup ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Done, as durable as the backup promises.
    Ok,
    /// Surely not done.
    Refused(Refusal),
    /// May be done, or be done later as long as the session lasts.
    Unknown,
}

/// Why a backup did not do it, sorted by what follows from that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No room: another backup.
    NoRoom,
    /// This master is fenced: verify membership.
    Fenced,
    /// Try again soon.
    NotReady,
    /// It did not reach the backup.
    NotDone,
    /// It was not sent: the log has the segment's bytes in memory no more, and is about to free it. No backup is to
    /// blame.
    NoBytes,
    /// A newer creation of the segment is there.
    StaleCreation,
    /// A newer session is there.
    StaleSession,
    /// The replica is not there, or can't be vouched for: it is lost.
    Lost,
    /// The store vouches for nothing any more: the replica is lost. It may have failed while it had the call, so what
    /// was written may be there when it starts again.
    Poisoned,
}

impl Outcome {
    /// Sorts a backup's answer.
    #[must_use]
    pub fn of(answer: &Result<(), BackupError>) -> Self {
        match answer {
            Ok(()) => Self::Ok,
            Err(BackupError::Remote(RemoteError::Unknown(_))) => Self::Unknown,
            Err(error) => Self::Refused(Refusal::of(error)),
        }
    }
}

impl Refusal {
    fn of(error: &BackupError) -> Self {
        match error {
            BackupError::NoRoom { .. } => Self::NoRoom,
            BackupError::Fenced { .. } => Self::Fenced,
            BackupError::NotReady(_) => Self::NotReady,
            BackupError::Remote(_) => Self::NotDone,
            BackupError::StaleCreation { .. } => Self::StaleCreation,
            BackupError::StaleSession { .. } => Self::StaleSession,
            BackupError::Removed
            | BackupError::NotOpen(_)
            | BackupError::Closed(_)
            | BackupError::Overflow { .. }
            | BackupError::Damaged { .. } => Self::Lost,
            BackupError::Poisoned(_) => Self::Poisoned,
        }
    }
}

/// How storing a floor ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FloorOutcome {
    /// It is durable at the coordinator.
    Stored,
    /// The coordinator takes nothing from this server any more: final.
    Fenced,
    /// Not done or unknown: to be repeated until answered (H3).
    Unknown,
}

/// A failure domain, numbered by the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(pub u32);

/// A server that may hold replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// Which.
    pub server: ServerId,
    /// Where it fails together with others.
    pub domain: Domain,
}
