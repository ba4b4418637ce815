#![doc = include_str!("../README.md")]
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
    CoordinatorApi, Enlisted, Former, PartitionOutcome, PartitionReplay, PartitionReport, Refusal, Reply,
    Request, Shortage,
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
