//! Settings of a storage server.

use crate::wire::ClusterId;
use rekindle_backup::{
    ReplicaWrite,
    replicator::{ReplicatorConfig, ReplicatorConfigError},
    store::{Durability, FileStoreConfig, MemoryStoreConfig},
};
use rekindle_coordinator::CoordinatorConfig;
use rekindle_log::{ConfigError, LogConfig, cleaner::CleanerConfig, partition_segments, store::StoreConfig};
use rekindle_recovery::ReplayConfig;
use rekindle_types::{LogId, Rules, ServerId};
use std::time::Duration;

/// How a storage server is set up. Times are those of docs/protocols.md, and the same in the whole cluster.
#[derive(Clone, Debug)]
pub struct StorageConfig {
    /// The cluster that it joins.
    pub cluster: ClusterId,
    /// What its certificate says.
    pub name: String,
    /// Where others dial it.
    pub address: String,
    /// Its failure domain. Default: its name.
    pub domain: String,
    /// Where the coordinator may be.
    pub coordinators: Vec<String>,
    /// The id that its data had before, declared dead first (F6). Default: none.
    pub former: Option<ServerId>,
    /// Bytes of a segment. Default 8 MiB.
    pub segment_bytes: u32,
    /// Bytes of memory of its log, a multiple of `segment_bytes` or cut down to one. Default 512 MiB.
    pub memory_bytes: u64,
    /// Where its backup keeps replicas. Default in memory.
    pub store: StoreKind,
    /// Most replicas that its backup keeps. Default: what L3 asks of a server among equals, with three replicas.
    pub backup_frames: Option<u64>,
    /// Most bytes that its backup keeps in memory, with [`StoreKind::Memory`]. Default 1 GiB.
    pub backup_bytes: u64,
    /// How often it renews its lease. Default 50 ms.
    pub heartbeat: Duration,
    /// How long it serves at most after a renewal was sent (F2); the coordinator's word counts when that is less.
    /// Default 250 ms, above 3 heartbeats.
    pub lease: Duration,
    /// Bound of a probe (F7). Default 150 ms.
    pub probe_timeout: Duration,
    /// A replica call without an answer for so long means that the replica is lost (P1). Default 2 s.
    pub replica_timeout: Duration,
    /// Most bytes of one write of a replica. Default, and most: [`ReplicaWrite::BYTES_MAX`].
    pub replica_chunk_bytes: u32,
    /// A service task that was not polled for so long is stuck: no more renewals (F7). Default 2 s.
    pub stuck_after: Duration,
    /// Bound of calls to the coordinator, of recovery loads, and of waits for durability. Default 10 s.
    pub call_timeout: Duration,
    /// Wait before something that could not be done is tried again. Default 20 ms.
    pub retry_after: Duration,
    /// How its log is cleaned.
    pub cleaner: CleanerConfig,
    /// Threads that fill its memory in one replay. Default 2.
    pub replay_lanes: usize,
    /// Most object requests that wait for durability at once. Default 4,096.
    pub waiting_max: u32,
    /// Longest time that a clean stop waits for what was appended to become durable, and then for its backup to close.
    /// Default 5 s.
    pub drain_timeout: Duration,
    /// Rules in force.
    pub rules: Rules,
}

/// Where a server's backup keeps the replicas of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreKind {
    /// In this process's memory: they live as long as it does.
    #[default]
    Memory,
    /// In files of the data directory (`Env::dir`): a process that is started again with the same directory brings
    /// them back, and takes the place of the one before (F9).
    Files(FileStoreSettings),
}

/// How files are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStoreSettings {
    /// What an acknowledged write has survived. Default: it is in a journal on the disk.
    pub durability: Durability,
    /// Most replicas whose bytes are in memory. Default 64.
    pub open_max: usize,
    /// Most bytes of filtered entries kept ahead of recovery masters. Default 64 MiB.
    pub read_ahead_bytes: usize,
}

impl Default for FileStoreSettings {
    fn default() -> Self {
        Self { durability: Durability::default(), open_max: 64, read_ahead_bytes: 64 << 20 }
    }
}

/// Settings that can't work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorageConfigError {
    /// Correct what it names.
    #[error("{0}")]
    Invalid(&'static str),
    /// Correct the segments.
    #[error(transparent)]
    Log(#[from] ConfigError),
    /// Correct the times.
    #[error(transparent)]
    Replicator(#[from] ReplicatorConfigError),
}

impl StorageConfig {
    /// The defaults, for a server of this name that listens at this address.
    #[must_use]
    pub fn new(
        cluster: ClusterId,
        name: impl Into<String>,
        address: impl Into<String>,
        coordinators: impl IntoIterator<Item = String>,
    ) -> Self {
        let name = name.into();
        Self {
            cluster,
            domain: name.clone(),
            name,
            address: address.into(),
            coordinators: coordinators.into_iter().collect(),
            former: None,
            segment_bytes: 8 << 20,
            memory_bytes: 512 << 20,
            store: StoreKind::default(),
            backup_frames: None,
            backup_bytes: 1 << 30,
            heartbeat: Duration::from_millis(50),
            lease: Duration::from_millis(250),
            probe_timeout: Duration::from_millis(150),
            replica_timeout: Duration::from_secs(2),
            replica_chunk_bytes: ReplicaWrite::BYTES_MAX as u32,
            stuck_after: Duration::from_secs(2),
            call_timeout: Duration::from_secs(10),
            retry_after: Duration::from_millis(20),
            cleaner: CleanerConfig::default(),
            replay_lanes: 2,
            waiting_max: 4096,
            drain_timeout: Duration::from_secs(5),
            rules: Rules::default(),
        }
    }

    /// Refuses what can't work.
    pub fn validate(&self) -> Result<(), StorageConfigError> {
        let invalid = |is_so, what| if is_so { Err(StorageConfigError::Invalid(what)) } else { Ok(()) };
        invalid(self.name.is_empty() || self.name.len() > 255, "a name has 1 to 255 bytes")?;
        invalid(self.address.is_empty(), "a server listens at an address")?;
        invalid(self.coordinators.is_empty(), "a server needs the address of a coordinator")?;
        invalid(self.heartbeat.is_zero(), "heartbeat must be above zero")?;
        invalid(self.lease <= self.heartbeat * 3, "lease must be above three heartbeats")?;
        invalid(self.stuck_after <= self.lease, "stuck_after must be above the lease")?;
        invalid(self.retry_after.is_zero(), "retry_after must be above zero")?;
        invalid(self.replay_lanes == 0 || self.replay_lanes > 64, "a replay has 1 to 64 lanes")?;
        invalid(
            self.cleaner.passes_max == 0,
            "a log that is never cleaned fills up: passes_max must not be zero",
        )?;
        invalid(self.cleaner.slice_entries == 0, "slice_entries of the cleaner must not be zero")?;
        invalid(self.cleaner.idle_for.is_zero(), "idle_for of the cleaner must be above zero")?;
        invalid(self.waiting_max == 0, "waiting_max must not be zero")?;
        // R and the id are the coordinator's to give.
        let log = self.log(ServerId(1));
        log.validate()?;
        invalid(
            u64::from(log.usable_segments()) < partition_segments(1, self.segment_bytes),
            "memory_bytes is too little to take over what a dead server held: give more, or make segment_bytes less",
        )?;
        self.replicator(ServerId(1), 0, 0).validate()?;
        Ok(())
    }

    /// Most segments of its log in memory.
    #[must_use]
    pub fn segments_max(&self) -> u32 {
        let segments = self.memory_bytes / u64::from(self.segment_bytes.max(1));
        u32::try_from(segments).unwrap_or(u32::MAX)
    }

    /// Replicas that its backup can hold.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.backup_frames.unwrap_or_else(|| self.frames_needed(Self::REPLICAS_USUAL))
    }

    /// L3: frames that a backup needs among equal servers, each with a log like this one's on `replicas` backups:
    /// room for all of their segments, once more for what a recovery writes before the dead one's go, and some to spare.
    #[must_use]
    pub fn frames_needed(&self, replicas: u32) -> u64 {
        let segments = u64::from(self.log(ServerId(1)).log_segments_max());
        (2 * u64::from(replicas)).saturating_mul(segments).saturating_add(Self::FRAMES_SPARE)
    }

    /// Frames beyond what logs of full size fill.
    const FRAMES_SPARE: u64 = 64;
    /// R of a cluster of five servers or more, unless it was made with another.
    const REPLICAS_USUAL: u32 = 3;

    /// The log of this server.
    pub(super) fn log(&self, own: ServerId) -> LogConfig {
        let config = LogConfig {
            segment_bytes: self.segment_bytes,
            segments_max: self.segments_max(),
            // L2: deletes and what does not grow may take so much more when the rest is full.
            reserve_segments: (self.segments_max() / 32).max(1),
            rules: self.rules,
            ..LogConfig::new(LogId::of(own))
        };
        config.cleaned()
    }

    pub(super) fn store(&self) -> StoreConfig {
        StoreConfig { rules: self.rules, ..StoreConfig::default() }
    }

    pub(super) fn replicator(&self, own: ServerId, replicas: u32, seed: u64) -> ReplicatorConfig {
        ReplicatorConfig {
            replica_timeout: self.replica_timeout,
            avoid_for: self.replica_timeout,
            retry_after: self.retry_after,
            chunk_bytes: self.replica_chunk_bytes,
            seed,
            rules: self.rules,
            ..ReplicatorConfig::new(LogId::of(own), replicas as usize, self.segment_bytes)
        }
    }

    pub(super) fn replay(&self) -> ReplayConfig {
        ReplayConfig {
            load_timeout: self.replica_timeout,
            back_off: self.retry_after,
            ..ReplayConfig::default()
        }
    }

    pub(super) fn files(&self, settings: FileStoreSettings) -> FileStoreConfig {
        FileStoreConfig {
            segment_bytes: self.segment_bytes,
            frames: self.frames(),
            durability: settings.durability,
            open_max: settings.open_max,
            read_ahead_bytes: settings.read_ahead_bytes,
            rules: self.rules,
            ..FileStoreConfig::new(self.cluster.0, self.name.clone())
        }
    }

    pub(super) fn backup(&self, own: ServerId) -> MemoryStoreConfig {
        MemoryStoreConfig {
            frames: self.frames(),
            bytes_max: self.backup_bytes,
            rules: self.rules,
            ..MemoryStoreConfig::new(own)
        }
    }
}

/// How a coordinator's process is set up.
#[derive(Clone, Copy, Debug)]
pub struct CoordinatorServerConfig {
    /// The cluster that it reigns over.
    pub cluster: ClusterId,
    /// The coordinator's own settings.
    pub coordinator: CoordinatorConfig,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> StorageConfig {
        StorageConfig::new(ClusterId(1), "a", "a:1", ["c:1".to_owned()])
    }

    #[test]
    fn defaults_are_valid_and_contradictions_refused() {
        assert_eq!(config().validate(), Ok(()));
        let lease = StorageConfig { lease: Duration::from_millis(150), ..config() };
        assert!(matches!(lease.validate(), Err(StorageConfigError::Invalid(_))));
        let segments = StorageConfig { segment_bytes: 1, ..config() };
        assert!(matches!(segments.validate(), Err(StorageConfigError::Log(_))));
        let alone = StorageConfig { coordinators: Vec::new(), ..config() };
        assert!(matches!(alone.validate(), Err(StorageConfigError::Invalid(_))));
    }

    #[test]
    fn memory_that_no_recovery_fits_into_is_refused() {
        let with = |segments: u64| StorageConfig { memory_bytes: segments * (8 << 20), ..config() };
        let refused: Vec<u64> = (8..16).filter(|segments| with(*segments).validate().is_err()).collect();
        assert_eq!(refused, [8, 9, 10]);
        assert!(with(8).validate().unwrap_err().to_string().contains("memory_bytes"));
    }
}
