//! What an operator gets to see while it happens.

use rekindle_env::Time;
use rekindle_types::{Attempt, PartitionIndex, ServerId, TableId, Term};
use serde::{Deserialize, Serialize};

/// Told of events as they happen. Called under no lock; must not block.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn observe(&self, at: Time, event: &Event);
}

/// Looks away.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn observe(&self, _: Time, _: &Event) {}
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A coordinator took office.
    TookOffice(Term),
    /// It ends: another one reigns, or its meta log failed.
    Resigned(String),
    /// A server became a member.
    Enlisted(ServerId),
    /// A server is suspected and being probed.
    Suspected(ServerId),
    /// It is dead by all signs: about to be declared.
    Detected(ServerId),
    /// Its death is recorded, which fences its log.
    Fenced(ServerId),
    /// Its log can't be recovered yet; retried.
    Waiting {
        /// Whose log.
        dead: ServerId,
        /// What is in the way.
        reason: String,
    },
    /// Its log is found and complete.
    Discovered {
        /// Whose log.
        dead: ServerId,
        /// Segments of it.
        segments: usize,
        /// Bytes of it.
        bytes: u64,
    },
    /// The plan is recorded.
    Planned {
        /// Whose recovery.
        dead: ServerId,
        /// Its partitions.
        partitions: usize,
    },
    /// A partition's attempt could not be brought to its end.
    AttemptFailed {
        /// Whose recovery.
        dead: ServerId,
        /// Which partition.
        partition: PartitionIndex,
        /// Which try.
        attempt: Attempt,
        /// Who tried.
        master: ServerId,
        /// What happened.
        reason: String,
    },
    /// A partition fitted nowhere: others have its pieces.
    Cut {
        /// Whose recovery.
        dead: ServerId,
        /// Which partition.
        partition: PartitionIndex,
        /// Bytes that it has, as far as is known.
        bytes: u64,
    },
    /// A partition is replayed and durable on its master.
    Replayed {
        /// Whose recovery.
        dead: ServerId,
        /// Which partition.
        partition: PartitionIndex,
        /// On whom.
        master: ServerId,
        /// Bytes replayed.
        bytes: u64,
        /// Objects alive.
        objects: u64,
    },
    /// Its tablets are re-pointed: the lease of the dead server has surely run out.
    Committed {
        /// Whose recovery.
        dead: ServerId,
        /// Which partition.
        partition: PartitionIndex,
        /// To whom.
        master: ServerId,
    },
    /// Its new owner has confirmed that it serves.
    Served {
        /// Whose recovery.
        dead: ServerId,
        /// Which partition.
        partition: PartitionIndex,
        /// Who.
        master: ServerId,
    },
    /// Everything is recovered; the server has left the list.
    Recovered(ServerId),
    /// The log had no replicas: so many tablets are lost.
    Lost {
        /// Who died.
        dead: ServerId,
        /// How many.
        tablets: u32,
    },
    /// Every owner serves its part.
    TableCreated(TableId),
    /// Nobody serves it any more.
    TableDropped(TableId),
}
