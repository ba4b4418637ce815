//! The cluster of processes, a client of it, and what was seen of both.

use crate::{plan::Plan, timeline::Timeline};
use rekindle::{
    client::{ClientConfig, Master},
    cluster::local::{Cluster, ClusterClient, ClusterConfig, Launcher, NodeTimes},
    types::{ServerEntry, ServerId, Tablet},
};
use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

/// Calls are waited for so long: longer than any recovery takes.
const TIMEOUT: Duration = Duration::from_secs(120);
/// All processes are up within this, and with `--restart-all` all that they held.
const START_WITHIN: Duration = Duration::from_secs(240);
/// A read without an answer is tried again after this, elsewhere perhaps.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(250);
/// What the end of a recovery may go unnoticed.
const BACKOFF_MAX: Duration = Duration::from_millis(25);
/// All that may wait for dead servers at once.
const REQUESTS_MAX: usize = 4096;

/// Everything that runs.
pub struct Rig {
    // Before the cluster: it goes first.
    /// The clients' connections.
    pub client: ClusterClient,
    /// Of clients that hear of no death.
    stale: ClusterClient,
    /// The processes.
    pub cluster: Arc<Cluster>,
    /// What the coordinators saw.
    pub timeline: Timeline,
    /// Ids of servers that this run killed or stopped.
    pub victims: BTreeSet<ServerId>,
    /// Most memory of each server's processes.
    pub rss_bytes_max: Vec<Option<u64>>,
    /// Live bytes of each server, when last looked.
    pub live_bytes: Vec<Option<u64>>,
}

impl Rig {
    /// Starts all processes.
    pub fn start(plan: &Plan, dir: &Path) -> Result<Self, String> {
        let config = ClusterConfig {
            servers: plan.servers,
            replicas: plan.replicas,
            durability: plan.durability.into(),
            segment_bytes: plan.segment_bytes,
            memory_bytes: plan.memory_bytes,
            partition_bytes: plan.partition_bytes,
            start_within: START_WITHIN,
            times: NodeTimes::of_one_machine(),
            dir: Some(dir.to_owned()),
            ..ClusterConfig::default()
        };
        let launcher = Launcher::of_this_executable().map_err(|error| format!("this executable: {error}"))?;
        let cluster = Cluster::start(launcher, config).map_err(|error| error.to_string())?;
        let client = ClientConfig {
            timeout: TIMEOUT,
            attempt_timeout: ATTEMPT_TIMEOUT,
            backoff_max: BACKOFF_MAX,
            requests_max: REQUESTS_MAX,
            ..ClientConfig::default()
        };
        let client = cluster.client("clients", client).map_err(|error| error.to_string())?;
        let stale = cluster.client("stale", ClientConfig::default()).map_err(|error| error.to_string())?;
        let servers = plan.servers as usize;
        Ok(Self {
            client,
            stale,
            cluster: Arc::new(cluster),
            timeline: Timeline::default(),
            victims: BTreeSet::new(),
            rss_bytes_max: vec![None; servers],
            live_bytes: vec![None; servers],
        })
    }

    /// Takes in what the coordinators said since the last time. Whether there was something.
    pub fn look(&mut self) -> bool {
        let events = self.cluster.events();
        let known = self.timeline.events().len();
        self.timeline.extend(events.iter().skip(known).map(|seen| (seen.at(), seen.event.clone())));
        events.len() > known
    }

    /// Storage servers that run and were not stopped, by number.
    pub fn running(&self) -> Vec<u32> {
        let is_victim = |server| self.cluster.server_id(server).is_none_or(|id| self.victims.contains(&id));
        let servers = 0..self.cluster.config().servers;
        servers.filter(|server| self.cluster.storage(*server).is_some() && !is_victim(*server)).collect()
    }

    /// All tablets.
    pub fn tablets(&self) -> Result<Vec<Tablet>, String> {
        Ok(self.cluster.coordinator_report().map_err(|error| error.to_string())?.tablets)
    }

    /// A server's master, over a connection of its own that no list of servers will ever end.
    pub fn stale_master(&self, id: ServerId) -> Result<Arc<dyn Master>, String> {
        let report = self.cluster.coordinator_report().map_err(|error| error.to_string())?;
        let server = report.servers.into_iter().find(|server| server.id == id);
        let server = server.ok_or_else(|| format!("{id} is not on the coordinator's list"))?;
        let entry = ServerEntry { address: server.address, ..ServerEntry::up(id, server.name) };
        Ok(self.stale.masters().master(&entry))
    }

    /// Looks at the memory of the servers that run.
    pub fn sample(&mut self) {
        for server in self.running() {
            let at = server as usize;
            let resident = self.cluster.storage(server).and_then(|child| child.memory().ok());
            let resident = resident.map(|memory| memory.resident_bytes_max);
            self.rss_bytes_max[at] = self.rss_bytes_max[at].max(resident);
            if let Ok(report) = self.cluster.storage_report(server) {
                self.live_bytes[at] = Some(report.log.live_bytes);
            }
        }
    }

    /// Whether every segment of this server has all its replicas again, but for the head that clients write to.
    pub fn is_settled(&self, server: u32) -> bool {
        self.cluster.storage_report(server).is_ok_and(|report| report.replication.unsettled <= 1)
    }

    /// How a server is, for somebody who wonders what takes so long.
    pub fn words_of(&self, server: u32) -> String {
        match self.cluster.storage_report(server) {
            Err(error) => format!("{:>12}  {error}", "note"),
            Ok(report) => {
                let (log, replication) = (report.log, report.replication);
                format!(
                    "{:>12}  {}: {} calls wait, {} replays, {} of {} segments, {} heads wait; replication: {} \
                     unsettled, {} lost, {} made anew, {} rejected, {} heads hurt; backup: {} open, poisoned: {}",
                    "note",
                    report.server,
                    report.waiting,
                    report.replays,
                    log.segments,
                    log.segments_max,
                    log.heads_waiting,
                    replication.unsettled,
                    replication.lost,
                    replication.recreated,
                    replication.rejected,
                    replication.hurt,
                    report.backup.open,
                    report.backup.is_poisoned
                )
            }
        }
    }

    /// Servers that were declared dead though they were alive.
    pub fn false_deaths(&self) -> u64 {
        self.timeline.declared_dead().difference(&self.victims).count() as u64
    }
}
