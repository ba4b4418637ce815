//! What a process is told when it starts in a role.

use super::NodeTimes;
use crate::wire::ClusterId;
use rekindle_backup::store;
use rekindle_coordinator::ClusterSize;
use serde::{Deserialize, Serialize};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

/// A process of a cluster: a JSON file that [`super::role::from_args`] is pointed at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// The cluster, 32 hexadecimal digits: data directories belong to one, processes of two never talk.
    #[serde(with = "hex")]
    pub cluster: ClusterId,
    /// Its name: what its certificate says, and whose data directory it is.
    pub name: String,
    /// Its data directory, made when it is not there. Nobody else may use it.
    pub dir: PathBuf,
    /// Where it listens. Port 0: any that is free. Default 127.0.0.1:0.
    #[serde(default = "any_port")]
    pub listen: SocketAddr,
    /// Where it listens for heartbeats. Default 127.0.0.1:0.
    #[serde(default = "any_port")]
    pub heartbeat_listen: SocketAddr,
    /// Who it is, and whom it believes.
    pub credentials: CredentialFiles,
    /// Times, the same in the whole cluster.
    #[serde(default)]
    pub times: NodeTimes,
    /// What it does.
    pub role: NodeRole,
}

/// PEM files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialFiles {
    /// Certificate of the cluster's authority.
    pub authority: PathBuf,
    /// The process's certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// What a process does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeRole {
    /// Reigns.
    Coordinator(CoordinatorNode),
    /// Serves and keeps.
    Storage(StorageNode),
}

/// Settings of a coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoordinatorNode {
    /// Counts only when the cluster is made.
    pub size: Size,
    /// Most bytes of one partition of a recovery.
    pub partition_bytes: u64,
}

/// How many replicas a cluster keeps ([`ClusterSize`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// As many as suit so many servers.
    Servers(u32),
    /// R itself.
    Replicas(u32),
}

/// Settings of a storage server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageNode {
    /// Where the coordinator may be.
    pub coordinators: Vec<String>,
    /// When its backup answers.
    #[serde(default)]
    pub durability: Durability,
    /// Bytes of a segment, the same in the whole cluster.
    pub segment_bytes: u32,
    /// Bytes of its log in memory.
    pub memory_bytes: u64,
    /// Segment replicas that its backup has room for. Default: what L3 asks of a server among equals.
    #[serde(default)]
    pub frames: Option<u64>,
}

/// When a backup answers, as configuration says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// When it is on disk.
    #[default]
    Persistent,
    /// When it is in memory.
    Buffered,
}

impl From<Durability> for store::Durability {
    fn from(durability: Durability) -> Self {
        match durability {
            Durability::Persistent => Self::Persistent,
            Durability::Buffered => Self::Buffered,
        }
    }
}

impl NodeConfig {
    /// A process on loopback, on ports that are free.
    #[must_use]
    pub fn new(
        cluster: ClusterId,
        name: impl Into<String>,
        dir: impl AsRef<Path>,
        credentials: CredentialFiles,
        role: NodeRole,
    ) -> Self {
        Self {
            cluster,
            name: name.into(),
            dir: dir.as_ref().to_owned(),
            listen: any_port(),
            heartbeat_listen: any_port(),
            credentials,
            times: NodeTimes::default(),
            role,
        }
    }
}

impl CoordinatorNode {
    /// Partitions of at most 500 MiB.
    #[must_use]
    pub fn new(size: Size) -> Self {
        Self { size, partition_bytes: 500 << 20 }
    }
}

impl StorageNode {
    /// Persistent, 512 MiB of memory in segments of 8 MiB.
    #[must_use]
    pub fn new(coordinators: impl IntoIterator<Item = String>) -> Self {
        Self {
            coordinators: coordinators.into_iter().collect(),
            durability: Durability::default(),
            segment_bytes: 8 << 20,
            memory_bytes: 512 << 20,
            frames: None,
        }
    }
}

impl From<Size> for ClusterSize {
    fn from(size: Size) -> Self {
        match size {
            Size::Servers(servers) => Self::Servers(servers),
            Size::Replicas(replicas) => Self::Replicas(replicas),
        }
    }
}

fn any_port() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// 128 bits are more than a JSON number is sure to keep.
pub(super) mod hex {
    use crate::wire::ClusterId;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(cluster: &ClusterId, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{:032x}", cluster.0))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<ClusterId, D::Error> {
        let digits = String::deserialize(from)?;
        u128::from_str_radix(&digits, 16).map(ClusterId).map_err(|error| {
            D::Error::custom(format!("cluster {digits:?} is no number in hexadecimal digits: {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> NodeConfig {
        let pem = |name: &str| PathBuf::from(name);
        let credentials =
            CredentialFiles { authority: pem("ca.pem"), certificate: pem("s1.pem"), key: pem("s1.key") };
        let role = NodeRole::Storage(StorageNode::new(["127.0.0.1:1/2".to_owned()]));
        NodeConfig::new(ClusterId(u128::MAX - 1), "s1", "data", credentials, role)
    }

    #[test]
    fn a_configuration_comes_back_from_its_file() {
        let json = serde_json::to_string(&config()).unwrap();
        assert_eq!(serde_json::from_str::<NodeConfig>(&json).unwrap(), config());
    }

    #[test]
    fn what_is_left_out_has_its_default_and_what_is_unknown_is_refused() {
        let mut json: serde_json::Value = serde_json::to_value(config()).unwrap();
        let fields = json.as_object_mut().unwrap();
        fields.remove("times");
        fields.remove("listen");
        assert_eq!(serde_json::from_value::<NodeConfig>(json.clone()).unwrap(), config());
        json["times"] = serde_json::json!({ "lease_seconds": 1 });
        assert!(
            serde_json::from_value::<NodeConfig>(json).unwrap_err().to_string().contains("lease_seconds")
        );
    }
}
