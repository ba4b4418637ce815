//! A small cluster of processes, and objects whose values and versions are remembered.

use bytes::Bytes;
use rekindle_client::{Client, ClientConfig, ClientError, Table};
use rekindle_cluster::local::{Cluster, ClusterClient, ClusterConfig, Launcher, NodeTimes};
use rekindle_coordinator::Event;
use rekindle_types::{ServerId, Version};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// The executable under test.
pub const NODE: &str = env!("CARGO_BIN_EXE_rekindle-node");
/// Longer than anything takes on a machine that is busy with other things.
pub const LONG: Duration = Duration::from_secs(60);

/// Servers with little memory in small segments, and times that a busy machine keeps.
pub fn config(servers: u32, replicas: u32) -> ClusterConfig {
    let times = NodeTimes {
        heartbeat_ms: 100,
        lease_ms: 800,
        probe_timeout_ms: 800,
        dead_after_ms: 2_500,
        replica_timeout_ms: 4_000,
        stuck_after_ms: 4_000,
        mass_grace_ms: 6_000,
        ..NodeTimes::default()
    };
    ClusterConfig {
        servers,
        replicas,
        segment_bytes: 128 << 10,
        memory_bytes: 16 << 20,
        partition_bytes: 128 << 10,
        times,
        ..ClusterConfig::default()
    }
}

/// A started cluster with one table over all servers.
pub struct Story {
    pub cluster: Cluster,
    pub client: ClusterClient,
    pub table: Table,
    /// What every key holds; `None` for a deleted one.
    pub written: BTreeMap<String, Option<(Bytes, Version)>>,
}

impl Story {
    pub fn begin(config: ClusterConfig) -> Self {
        let tablets = config.servers * 2;
        let cluster = Cluster::start(Launcher::new(NODE), config).unwrap();
        let client = connect(&cluster, "client");
        let table = client.block_on(client.create_table("t", tablets)).unwrap();
        Self { cluster, client, table, written: BTreeMap::new() }
    }

    /// Writes so many objects, overwrites a part of them and deletes another.
    pub fn fill(&mut self, objects: usize) {
        let keys: Vec<String> = (0..objects).map(|i| format!("key-{i:05}")).collect();
        self.put(&keys, "first");
        let again: Vec<String> = keys.iter().step_by(3).cloned().collect();
        self.put(&again, "second");
        let gone: Vec<String> = keys.iter().step_by(7).cloned().collect();
        for outcome in self.client.block_on(self.table.multi_delete(gone.clone())) {
            assert!(outcome.unwrap().is_some());
        }
        self.written.extend(gone.into_iter().map(|key| (key, None)));
    }

    /// Writes these keys, with a value that tells what for.
    pub fn put(&mut self, keys: &[String], what: &str) {
        let pairs = keys.iter().map(|key| (key.clone(), value(key, what)));
        let versions = self.client.block_on(self.table.multi_put(pairs.clone()));
        for ((key, value), version) in pairs.zip(versions) {
            self.written.insert(key, Some((value, version.unwrap())));
        }
    }

    /// Reads every object back: value and version.
    pub fn check(&self) {
        self.check_by(&self.client);
    }

    /// The same, by another client.
    pub fn check_by(&self, client: &ClusterClient) {
        let keys: Vec<&String> = self.written.keys().collect();
        let found = client.block_on(async {
            let table = client.table("t").await.unwrap().within(LONG);
            table.multi_get(keys).await
        });
        for ((key, written), found) in self.written.iter().zip(found) {
            let found = found.unwrap_or_else(|error| panic!("{key}: {error}"));
            let found = found.map(|object| (object.value, object.version));
            assert_eq!(&found, written, "{key}");
        }
    }

    /// Waits until this server's recovery is over, as the coordinators tell it.
    pub fn until_recovered(&self, dead: ServerId) {
        self.until_seen(&Event::Recovered(dead));
    }

    pub fn until_seen(&self, event: &Event) {
        self.until(|seen| seen == event, &format!("{event:?}"));
    }

    /// Waits for an event.
    pub fn until(&self, is_it: impl Fn(&Event) -> bool, what: &str) {
        let came = self.cluster.until(LONG, |cluster| cluster.events().iter().any(|seen| is_it(&seen.event)));
        assert!(came, "never came: {what}\n{}", self.timeline());
    }

    /// Deaths so far: no process but those that a test kills may die.
    pub fn deaths(&self) -> Vec<ServerId> {
        let fenced = |event: &Event| if let Event::Fenced(server) = event { Some(*server) } else { None };
        self.cluster.events().iter().filter_map(|seen| fenced(&seen.event)).collect()
    }

    /// What the coordinators saw; what repeats is told once.
    pub fn timeline(&self) -> String {
        let events = self.cluster.events();
        let begin = events.first().map_or(0, |seen| seen.at_ns);
        let mut told = BTreeSet::new();
        let mut timeline = String::new();
        for seen in events {
            let what = format!("{:?} {:?}", seen.term, seen.event);
            if told.insert(what.clone()) {
                timeline += &format!("{:9.3} ms  {what}\n", (seen.at_ns - begin) as f64 / 1e6);
            }
        }
        timeline
    }
}

/// A client that waits for recoveries.
pub fn connect(cluster: &Cluster, name: &str) -> ClusterClient {
    cluster.client(name, ClientConfig { timeout: LONG, ..ClientConfig::default() }).unwrap()
}

fn value(key: &str, what: &str) -> Bytes {
    format!("{what} value of {key}, and some more so that it takes room: {}", "x".repeat(64)).into()
}

/// One key that is written on and on, by one writer.
#[derive(Debug)]
pub struct Written {
    key: String,
    acknowledged: Option<(Bytes, Version)>,
    /// Writes without an answer: each may be done, at any time.
    unknown: Vec<Bytes>,
    pub acknowledgements: usize,
}

/// Overwrites a key until told to stop.
pub async fn overwrite(client: Client, key: String, stop: tokio::sync::watch::Receiver<bool>) -> Written {
    let table = client.table("t").await.unwrap();
    let mut written = Written { key, acknowledged: None, unknown: Vec::new(), acknowledgements: 0 };
    for number in 0u64.. {
        if *stop.borrow() {
            break;
        }
        let value = Bytes::from(format!("{number}"));
        match table.put(&written.key, value.clone()).await {
            Ok(version) => {
                let newest = written.acknowledged.as_ref().map_or(Version(0), |(_, version)| *version);
                assert!(version > newest, "{version} after {newest}");
                written.acknowledged = Some((value, version));
                written.acknowledgements += 1;
            }
            Err(ClientError::Unknown(_)) => written.unknown.push(value),
            Err(ClientError::TimedOut(_)) => {}
            Err(error) => panic!("{}: {error}", written.key),
        }
    }
    written
}

impl Written {
    /// Reads it back: the last acknowledged value, or one of unknown outcome.
    pub async fn check(&self, table: &Table) {
        let found = table.get(&self.key).await.unwrap();
        let found = found.map(|object| (object.value, object.version));
        let may_be = |(value, _): &(Bytes, Version)| self.unknown.contains(value);
        assert!(found == self.acknowledged || found.as_ref().is_some_and(may_be), "{found:?} after {self:?}");
    }
}
