//! The cluster of processes, and the clients of it.

use crate::{checked::Watch, meter::Meter, plan::Plan};
use rekindle::{
    client::ClientConfig,
    cluster::local::{Cluster, ClusterClient, ClusterConfig, Launcher, NodeTimes},
};
use std::{path::Path, sync::Arc, time::Duration};

/// Calls end within this: the recovery of a pair, and of those that wait for it, is a part of that.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// A process is up within this.
const START_WITHIN: Duration = Duration::from_secs(120);

/// Everything that runs.
pub struct Rig {
    // Before the cluster: they go first.
    /// Each has connections of its own.
    pub clients: Vec<ClusterClient>,
    /// The processes.
    pub cluster: Arc<Cluster>,
    /// What all calls came to.
    pub meter: Arc<Meter>,
    /// The cluster's times.
    pub times: NodeTimes,
}

impl Rig {
    /// Starts all processes.
    pub fn start(plan: &Plan, dir: &Path) -> Result<Self, String> {
        let times = NodeTimes::of_one_machine();
        let config = ClusterConfig {
            servers: plan.servers,
            replicas: plan.replicas,
            durability: plan.durability.into(),
            segment_bytes: plan.segment_bytes,
            memory_bytes: plan.memory_bytes,
            partition_bytes: plan.partition_bytes,
            start_within: START_WITHIN,
            times,
            dir: Some(dir.to_owned()),
            ..ClusterConfig::default()
        };
        let launcher = Launcher::of_this_executable().map_err(|error| format!("this executable: {error}"))?;
        let cluster = Cluster::start(launcher, config).map_err(|error| error.to_string())?;
        let client = ClientConfig {
            timeout: CALL_TIMEOUT,
            // A call of several keys is a request at each server.
            requests_max: (plan.in_flight * plan.servers) as usize,
            ..ClientConfig::default()
        };
        let client = |number| cluster.client(&format!("client-{number}"), client.clone());
        let clients: Result<Vec<_>, _> = (0..plan.clients).map(client).collect();
        let clients = clients.map_err(|error| error.to_string())?;
        Ok(Self { clients, cluster: Arc::new(cluster), meter: Arc::default(), times })
    }

    /// Who is told of all calls.
    pub fn watch(&self) -> Arc<dyn Watch> {
        self.meter.clone()
    }
}
