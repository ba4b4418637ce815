//! The configurations of a cluster's processes.

use super::{ClusterConfig, ClusterError, certificates::Certificates};
use crate::{
    local::{CoordinatorNode, NodeConfig, NodeRole, Size, StorageNode},
    wire::{ClusterId, Role},
};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Name of the coordinator.
pub(super) const COORDINATOR: &str = "coordinator";

/// Name of a storage server.
pub(super) fn name(server: u32) -> String {
    format!("server-{server}")
}

/// Makes configurations: the same for every life of a process, but for what the moment adds.
pub(in crate::local) struct Nodes {
    pub cluster: ClusterId,
    pub config: ClusterConfig,
    pub dir: PathBuf,
    pub certificates: Certificates,
}

impl Nodes {
    /// The data directory of a process.
    pub fn dir_of(&self, name: &str) -> PathBuf {
        Path::new(&self.dir).join(name)
    }

    /// A coordinator, at the addresses of the one before it, if any.
    pub fn coordinator(&self, at: Option<(SocketAddr, SocketAddr)>) -> Result<NodeConfig, ClusterError> {
        let node = CoordinatorNode {
            partition_bytes: self.config.partition_bytes,
            ..CoordinatorNode::new(Size::Replicas(self.config.replicas))
        };
        let config = self.node(COORDINATOR, Role::Coordinator, NodeRole::Coordinator(node))?;
        let (listen, heartbeat_listen) = at.unwrap_or((config.listen, config.heartbeat_listen));
        Ok(NodeConfig { listen, heartbeat_listen, ..config })
    }

    /// A storage server.
    pub fn storage(
        &self,
        name: &str,
        coordinators: impl IntoIterator<Item = String>,
    ) -> Result<NodeConfig, ClusterError> {
        let node = StorageNode {
            durability: self.config.durability,
            segment_bytes: self.config.segment_bytes,
            memory_bytes: self.config.memory_bytes,
            frames: self.config.frames,
            ..StorageNode::new(coordinators)
        };
        self.node(name, Role::Server, NodeRole::Storage(node))
    }

    fn node(&self, name: &str, role: Role, node: NodeRole) -> Result<NodeConfig, ClusterError> {
        let credentials = self.certificates.files(name, role)?;
        let config = NodeConfig::new(self.cluster, name, self.dir_of(name), credentials, node);
        Ok(NodeConfig { times: self.config.times, ..config })
    }
}
