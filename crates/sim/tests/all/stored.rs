//! Objects that were acknowledged, to be found again.

use rekindle_client::{ClientConfig, Table};
use rekindle_cluster::server::StorageServer;
use rekindle_sim::{SimCluster, check_settled};
use rekindle_types::{ServerId, Version};
use std::time::Duration;

pub const PATIENCE: Duration = Duration::from_secs(120);

/// A table, and what was acknowledged of it.
pub struct Stored {
    table: Table,
    objects: Vec<(String, String, Version)>,
}

impl Stored {
    /// A table over all servers, once they are ready.
    pub async fn new(cluster: &SimCluster, tablets: u32) -> Self {
        assert!(cluster.until(PATIENCE, SimCluster::is_ready).await, "not ready");
        let client = cluster.client("client", ClientConfig { timeout: PATIENCE, ..ClientConfig::default() });
        let table = client.create_table("table", tablets).await.expect("created");
        Self { table, objects: Vec::new() }
    }

    /// Writes more objects, of so many bytes each.
    pub async fn write(&mut self, count: usize, value_bytes: usize) {
        let first = self.objects.len();
        let new: Vec<_> =
            (first..first + count).map(|n| (format!("key-{n}"), format!("{n:0value_bytes$}"))).collect();
        let answers = self.table.multi_put(new.clone()).await;
        for ((key, value), answer) in new.into_iter().zip(answers) {
            let version = answer.unwrap_or_else(|error| panic!("{key}: {error}"));
            self.objects.push((key, value, version));
        }
    }

    /// Reads everything back, value and version.
    pub async fn verify(&self, when: &str) {
        let found = self.table.multi_get(self.objects.iter().map(|(key, ..)| key.clone())).await;
        for ((key, value, version), found) in self.objects.iter().zip(found) {
            let found = found.unwrap_or_else(|error| panic!("{when}: {key}: {error}"));
            let found = found.unwrap_or_else(|| panic!("{when}: {key} is lost"));
            assert_eq!((&found.value[..], found.version), (value.as_bytes(), *version), "{when}: {key}");
        }
    }
}

/// Waits until these are recovered and everything is on R backups again.
pub async fn settled(cluster: &SimCluster, dead: &[ServerId], when: &str) {
    let is_over =
        |cluster: &SimCluster| dead.iter().all(|id| cluster.has_left(*id)) && check_settled(cluster).is_ok();
    assert!(cluster.until(PATIENCE, is_over).await, "{when}: {:?}", check_settled(cluster));
}

/// The id that a server has at present.
pub fn id(cluster: &SimCluster, server: u32) -> ServerId {
    cluster.storage(server, StorageServer::id).flatten().expect("it has enlisted")
}
