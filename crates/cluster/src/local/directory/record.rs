//! What a cluster's directory says of the cluster: `cluster.json`.

use crate::{
    local::{ClusterConfig, Durability, NodeTimes, config::hex},
    wire::ClusterId,
};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A cluster, as its directory tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterRecord {
    /// Format of this record: [`ClusterRecord::FORMAT`].
    pub format: u32,
    /// The cluster, 32 hexadecimal digits.
    #[serde(with = "hex")]
    pub cluster: ClusterId,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// Where its coordinators are, or were last; none before the first one has started.
    pub coordinators: Vec<String>,
    /// How it was set up.
    pub settings: ClusterSettings,
}

/// How a cluster was set up. R can't be changed afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterSettings {
    /// Storage servers that are started together.
    pub servers: u32,
    /// Replicas of every segment, R.
    pub replicas: u32,
    /// When a write is answered.
    pub durability: Durability,
    /// Bytes of a segment.
    pub segment_bytes: u32,
    /// Bytes of a server's log in memory.
    pub memory_bytes: u64,
    /// Most bytes of one partition of a recovery.
    pub partition_bytes: u64,
    /// Times.
    #[serde(default)]
    pub times: NodeTimes,
}

impl Default for ClusterSettings {
    /// Those of a cluster that is started with the defaults.
    fn default() -> Self {
        Self::from(&ClusterConfig::default())
    }
}

impl From<&ClusterConfig> for ClusterSettings {
    fn from(config: &ClusterConfig) -> Self {
        Self {
            servers: config.servers,
            replicas: config.replicas,
            durability: config.durability,
            segment_bytes: config.segment_bytes,
            memory_bytes: config.memory_bytes,
            partition_bytes: config.partition_bytes,
            times: config.times,
        }
    }
}

impl ClusterRecord {
    /// The format that is written and read.
    pub const FORMAT: u32 = 1;

    /// A cluster that has not started yet.
    #[must_use]
    pub fn new(cluster: ClusterId, created: u64, settings: ClusterSettings) -> Self {
        Self { format: Self::FORMAT, cluster, created, coordinators: Vec::new(), settings }
    }

    /// As processes that are started together are configured, in this directory.
    #[must_use]
    pub fn config(&self, dir: &Path) -> ClusterConfig {
        let settings = &self.settings;
        ClusterConfig {
            id: Some(self.cluster),
            servers: settings.servers,
            replicas: settings.replicas,
            durability: settings.durability,
            segment_bytes: settings.segment_bytes,
            memory_bytes: settings.memory_bytes,
            partition_bytes: settings.partition_bytes,
            times: settings.times,
            dir: Some(dir.to_owned()),
            ..ClusterConfig::default()
        }
    }
}
