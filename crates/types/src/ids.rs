//! Ids and counters. Two bare numbers never meet in a signature.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty), $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        pub struct $name(pub $inner);

        impl $name {
            /// The one after this one.
            ///
            /// # Panics
            /// When the counter is exhausted, which no run of it can reach.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0.checked_add(1).expect("counters never wrap"))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

id!(/// A storage server's incarnation: never reused, a restarted process gets a new one (F6).
    ServerId(u64), "s");
id!(/// A table: never reused.
    TableId(u64), "t");
id!(/// A segment of one log: heads and side segments share one counter (C6). Zero is no segment.
    SegmentId(u64), "g");
id!(/// Number of an object's version: one counter per log, never repeated (V1). Zero is no version.
    Version(u64), "v");
id!(/// Numbers the creations of replicas by one master process (P3).
    CreationNumber(u64), "c");
id!(/// Numbers a master's sessions to one backup (P3).
    SessionNumber(u64), "n");
id!(/// Version of the server list.
    ListVersion(u64), "l");
id!(/// Number of a coordinator's reign (F5).
    Term(u64), "term");
id!(/// Sequence number of a batch in the meta log.
    Lsn(u64), "lsn");
id!(/// Number of a tablet's present ownership: the [`Lsn`] of the batch that made it (T5).
    TabletVersion(u64), "tv");
id!(/// Number of a try to replay one partition; reports of older ones are discarded (T3).
    Attempt(u32), "a");
id!(/// Index of a partition in a recovery plan.
    PartitionIndex(u32), "p");

/// Names a log: a server and one of its logs (the first version has one log per server, index 0).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct LogId {
    /// The master whose log it is.
    pub server: ServerId,
    /// Which of its logs.
    pub index: u16,
}

impl LogId {
    /// The one log of a server.
    #[must_use]
    pub const fn of(server: ServerId) -> Self {
        Self { server, index: 0 }
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.server, self.index)
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Names a replica for its whole life (P3): a later creation of the same segment is another replica.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReplicaId {
    /// The log that the segment belongs to.
    pub log: LogId,
    /// The segment.
    pub segment: SegmentId,
    /// Which creation of it.
    pub creation: CreationNumber,
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.log, self.segment, self.creation)
    }
}

impl fmt::Debug for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
