//! Replicas of other masters' segments ([`BackupStore`]), and the replicator that keeps R of them.
//!
//! A [`BackupStore`] takes replicas segment by segment, refuses dead masters, and reads, verifies and filters for
//! recoveries. [`MemoryStore`] is one without a disk. The [`replicator`] decides what is open, closed and lost; who
//! is dead it is told. Nothing here chooses tablets, heads of dead masters, or recovery masters.
//!
//! Limits: 1 MiB in one write, segments of 64 KiB to 64 MiB; a memory store holds 4,096 replicas in 1 GiB unless
//! configured otherwise, and 64 MiB of what it filtered ahead of a recovery's loads.
//!
//! ```
//! use futures_util::FutureExt;
//! use rekindle_backup::*;
//! use rekindle_log::segment::{CertificateCheck, SegmentHeader};
//! use rekindle_types::*;
//!
//! let up = |id| ServerEntry::up(ServerId(id), format!("server-{id}"));
//! let store = MemoryStore::new(MemoryStoreConfig::new(ServerId(2)));
//! store.set_servers(&ServerList::new(ListVersion(1), ServerId(3), [up(1), up(2)]));
//!
//! let (log, segment) = (LogId::of(ServerId(1)), SegmentId(1));
//! let bytes = SegmentHeader { log, segment, capacity: 64 << 10 }.encode().to_vec();
//! let write = ReplicaWrite {
//!     replica: ReplicaId { log, segment, creation: CreationNumber(1) },
//!     session: SessionNumber(1),
//!     open: Some(Fill::Growing),
//!     capacity: 64 << 10,
//!     offset: 0,
//!     certificate: Some(CertificateCheck::certify(&bytes)?),
//!     bytes: bytes.into(),
//!     close: true,
//!     primary: true,
//! };
//! store.write(write.clone()).now_or_never().expect("memory never waits")?;
//!
//! // Asked for its inventory, it takes nothing of that log any more (F1).
//! let inventory = store.inventory(log, ListVersion(1)).now_or_never().expect("memory never waits")?;
//! assert_eq!(inventory[0].state, ReplicaState::Closed);
//! let late = store.write(write).now_or_never().expect("memory never waits");
//! assert!(matches!(late, Err(BackupError::Fenced { .. })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod replicator;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use replicator::{
    FloorError, FloorKeeper, Replication, ReplicationStats, Replicator, ReplicatorConfig, TooFewBackups,
};
pub use store::{
    AdoptError, BackupError, BackupStats, BackupStore, Backups, Damage, Durability, FileStore,
    FileStoreConfig, Fill, LoadRequest, Loaded, LocalStore, MemoryStore, MemoryStoreConfig, Misfit,
    OpenError, PrimaryReplica, ReadPlan, ReplicaFree, ReplicaInfo, ReplicaState, ReplicaWrite,
};
