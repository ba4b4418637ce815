//! How a cluster of processes is set up.

use crate::{
    local::{Durability, NodeTimes},
    wire::ClusterId,
};
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// A cluster on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterConfig {
    /// Its id. Default: that of the cluster in its directory, or a new one.
    pub id: Option<ClusterId>,
    /// Where the coordinator listens for calls and for heartbeats. Default: ports that are free.
    pub coordinator_at: Option<(SocketAddr, SocketAddr)>,
    /// Storage servers. Default 5.
    pub servers: u32,
    /// Replicas per segment, R. Default 3.
    pub replicas: u32,
    /// When a write is answered. Default `Persistent`.
    pub durability: Durability,
    /// Bytes of a segment. Default 8 MiB.
    pub segment_bytes: u32,
    /// Bytes of a server's log in memory. Default 512 MiB.
    pub memory_bytes: u64,
    /// Segment replicas that a backup has room for. Default: what L3 asks of a server among equals.
    pub frames: Option<u64>,
    /// Most bytes of one partition of a recovery. Default 500 MiB.
    pub partition_bytes: u64,
    /// Times.
    pub times: NodeTimes,
    /// Where everything is kept, in a directory for each process. Default: a temporary directory.
    pub dir: Option<PathBuf>,
    /// Leaves a temporary directory behind. Default `false`.
    pub keep: bool,
    /// How long the cluster may take to start, or to start again. Default 60 s.
    pub start_within: Duration,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            id: None,
            coordinator_at: None,
            servers: 5,
            replicas: 3,
            durability: Durability::default(),
            segment_bytes: 8 << 20,
            memory_bytes: 512 << 20,
            frames: None,
            partition_bytes: 500 << 20,
            times: NodeTimes::default(),
            dir: None,
            keep: false,
            start_within: Duration::from_secs(60),
        }
    }
}

impl ClusterConfig {
    /// Why such a cluster can't be.
    pub(super) fn check(&self) -> Result<(), String> {
        let (servers, replicas) = (self.servers, self.replicas);
        if servers <= replicas {
            let least = replicas + 1;
            return Err(format!(
                "{servers} storage servers are too few for R = {replicas}: each segment is kept on {replicas} \
                 servers besides its own. Take {least} servers or more, or fewer replicas"
            ));
        }
        if u64::from(self.segment_bytes) > self.memory_bytes {
            let (memory, segment) = (self.memory_bytes, self.segment_bytes);
            return Err(format!(
                "{memory} bytes of memory hold no segment of {segment} bytes: give more memory"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_servers_than_replicas_and_one_are_refused_with_the_reason() {
        let config = |servers, replicas| ClusterConfig { servers, replicas, ..ClusterConfig::default() };
        assert_eq!(config(4, 3).check(), Ok(()));
        assert_eq!(config(1, 0).check(), Ok(()));
        let why = config(3, 3).check().unwrap_err();
        assert!(why.contains("Take 4 servers or more"), "{why}");
    }

    #[test]
    fn memory_without_room_for_a_segment_is_refused() {
        let config = ClusterConfig { memory_bytes: 1 << 20, ..ClusterConfig::default() };
        assert!(config.check().unwrap_err().contains("1048576 bytes of memory"));
    }
}
