//! What two Rekindle crates share: ids, key hashes and ranges, log positions, the server list, the tablet
//! map, the coordinator's calls, and how a remote call can fail. No I/O and no logic beyond looking things up.
//!
//! Sizes: every id is 8 bytes but [`LogId`] (10) and [`Attempt`] (4); a key hash is 64 bits.
//!
//! ```
//! use rekindle_types::{KeyRange, TableId, key_hash};
//!
//! let [low, high] = KeyRange::FULL.split_even(2)[..] else { unreachable!() };
//! let hash = key_hash(TableId(7), b"user:42");
//! assert!(low.contains(hash) != high.contains(hash));
//! ```
#![forbid(unsafe_code)]

mod condition;
mod coordinator_api;
mod ids;
mod key;
mod position;
mod remote;
mod room;
mod rules;
mod servers;
mod status;
mod tablets;

pub use condition::Condition;
pub use coordinator_api::{
    CoordinatorApi, Enlisted, Former, PartitionOutcome, PartitionReport, Refusal, Reply, Request, Shortage,
};
pub use ids::{
    Attempt, CreationNumber, ListVersion, LogId, Lsn, PartitionIndex, ReplicaId, SegmentId, ServerId,
    SessionNumber, TableId, TabletVersion, Term, Version,
};
pub use key::{KeyHash, KeyRange, key_hash};
pub use position::Position;
pub use remote::RemoteError;
pub use room::ServerRoom;
pub use rules::{Rule, Rules};
pub use servers::{ListUpdate, ServerEntry, ServerList, ServerStatus};
pub use status::{
    ClusterStatus, MemberStatus, PartitionProgress, PartitionStatus, RecoveryPhase, RecoveryStatus,
};
pub use tablets::{Partition, TableInfo, Tablet, TabletMap, TabletState};
