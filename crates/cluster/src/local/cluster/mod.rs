//! A coordinator and storage servers, each in a process of its own.

mod certificates;
mod client;
mod config;
mod error;
mod events;
mod nodes;

pub(super) use certificates::Certificates;
pub use client::{Access, ClusterClient};
pub use config::ClusterConfig;
pub use error::ClusterError;

use super::{
    Child, CoordinatorReport, Launcher, NodeReport, Observed, StorageReport, durable_file,
    launcher::Starting, place::Place,
};
use crate::wire::{ClusterId, Role};
use events::Events;
pub(super) use nodes::Nodes;
use nodes::{COORDINATOR, name};
use parking_lot::Mutex;
use rekindle_client::ClientConfig;
use rekindle_env::Time;
use rekindle_types::ServerId;
use std::{
    fs, io,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// A cluster of child processes. Methods take `&self`: clients may call while another thread kills. Dropping it
/// kills every process with SIGKILL.
///
/// Storage servers are numbered from 0; a server that is started again has its number, its name and its directory,
/// and another id (F6).
pub struct Cluster {
    launcher: Launcher,
    nodes: Nodes,
    running: Mutex<Running>,
    /// Dropped last: it may be removed when nobody uses it any more.
    _place: Place,
}

#[derive(Default)]
struct Running {
    coordinator: Option<Arc<Child>>,
    /// Where the coordinator is, or was: its successor is found there.
    address: Option<(String, SocketAddr, SocketAddr)>,
    storage: Vec<Slot>,
    events: Events,
}

#[derive(Default)]
struct Slot {
    child: Option<Arc<Child>>,
    /// All the ids that it has had, oldest first.
    ids: Vec<ServerId>,
}

impl Cluster {
    /// Between two looks at something that is waited for.
    const LOOK_EVERY: Duration = Duration::from_millis(5);
    /// Events told with an error.
    const SEEN_LAST: usize = 40;
    /// A process that works says so within this.
    const STATUS_WITHIN: Duration = Duration::from_secs(10);

    /// Starts it, and waits until all storage servers may get tablets.
    ///
    /// A directory in which a cluster was before keeps it: the same certificates, the same data.
    pub fn start(launcher: Launcher, config: ClusterConfig) -> Result<Self, ClusterError> {
        config.check().map_err(ClusterError::Invalid)?;
        let place = Place::take(config.dir.as_deref(), config.keep)
            .map_err(ClusterError::io("the cluster's directory can't be made"))?;
        let dir = place.path().to_owned();
        let cluster = match config.id {
            Some(id) => id,
            None => cluster_id(&dir)?,
        };
        let certificates = Certificates::of(&Certificates::in_cluster(&dir))?;
        let within = config.start_within;
        let storage = (0..config.servers).map(|_| Slot::default()).collect();
        let cluster = Self {
            launcher: launcher.ready_within(within),
            nodes: Nodes { cluster, config, dir, certificates },
            running: Mutex::new(Running { storage, ..Running::default() }),
            _place: place,
        };
        cluster.start_all()?;
        Ok(cluster)
    }

    /// Where everything is kept.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.nodes.dir
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> ClusterId {
        self.nodes.cluster
    }

    /// How it was set up.
    #[must_use]
    pub fn config(&self) -> &ClusterConfig {
        &self.nodes.config
    }

    /// Where the coordinator is found.
    #[must_use]
    pub fn address(&self) -> Option<String> {
        self.running.lock().address.as_ref().map(|(address, ..)| address.clone())
    }

    /// The coordinator's process, while it runs.
    #[must_use]
    pub fn coordinator(&self) -> Option<Arc<Child>> {
        self.running.lock().coordinator.clone()
    }

    /// The process of a storage server, while it runs.
    #[must_use]
    pub fn storage(&self, server: u32) -> Option<Arc<Child>> {
        self.running.lock().storage.get(server as usize)?.child.clone()
    }

    /// The newest id of a storage server, killed ones too.
    #[must_use]
    pub fn server_id(&self, server: u32) -> Option<ServerId> {
        self.running.lock().storage.get(server as usize)?.ids.last().copied()
    }

    /// The number of the storage server that has this id, or had it.
    #[must_use]
    pub fn number_of(&self, id: ServerId) -> Option<u32> {
        let running = self.running.lock();
        let at = running.storage.iter().position(|slot| slot.ids.contains(&id))?;
        u32::try_from(at).ok()
    }

    /// Starts every process that does not run, the coordinator first, and waits until all storage servers may get
    /// tablets.
    pub fn start_all(&self) -> Result<(), ClusterError> {
        if self.coordinator().is_none() {
            self.start_coordinator()?;
        }
        let missing: Vec<u32> = (0..self.config().servers).filter(|s| self.storage(*s).is_none()).collect();
        let starting: Vec<(u32, Starting)> = missing
            .into_iter()
            .map(|server| Ok((server, self.launch(server)?)))
            .collect::<Result<_, ClusterError>>()?;
        for (server, starting) in starting {
            self.take_in(server, starting)?;
        }
        self.until_ready(self.config().start_within)
    }

    /// Starts the coordinator, where it was before.
    pub fn start_coordinator(&self) -> Result<(), ClusterError> {
        if self.coordinator().is_some() {
            return Err(ClusterError::Running(COORDINATOR.into()));
        }
        let before =
            self.running.lock().address.as_ref().map(|(_, listen, heartbeats)| (*listen, *heartbeats));
        let at = before.or(self.config().coordinator_at);
        let child = self.launcher.start(&self.nodes.coordinator(at)?)?;
        let address = child.ready().address.clone();
        let (listen, heartbeats) = both_sockets(&address).ok_or_else(|| {
            ClusterError::Invalid(format!(
                "{COORDINATOR} listens at {address:?}, which is no address of two ports"
            ))
        })?;
        let mut running = self.running.lock();
        running.address = Some((address, listen, heartbeats));
        running.coordinator = Some(Arc::new(child));
        Ok(())
    }

    /// Starts a storage server, in its directory. It has enlisted when this returns.
    pub fn start_storage(&self, server: u32) -> Result<ServerId, ClusterError> {
        self.take_in(server, self.launch(server)?)
    }

    fn launch(&self, server: u32) -> Result<Starting, ClusterError> {
        if self.storage(server).is_some() {
            return Err(ClusterError::Running(name(server)));
        }
        let coordinator = self.address().ok_or_else(|| ClusterError::NotRunning(COORDINATOR.into()))?;
        Ok(self.launcher.launch(&self.nodes.storage(&name(server), [coordinator])?)?)
    }

    fn take_in(&self, server: u32, starting: Starting) -> Result<ServerId, ClusterError> {
        let child = starting.ready()?;
        let id = child.ready().server.ok_or_else(|| {
            ClusterError::Invalid(format!("{} was ready without an id: it plays another role", name(server)))
        })?;
        let mut running = self.running.lock();
        let slots = running.storage.len();
        let slot = running
            .storage
            .get_mut(server as usize)
            .ok_or_else(|| ClusterError::Invalid(format!("there are {slots} storage servers, from 0")))?;
        slot.ids.push(id);
        slot.child = Some(Arc::new(child));
        Ok(id)
    }

    /// Kills the coordinator with SIGKILL. Tells when, on the machine's clock.
    pub fn kill_coordinator(&self) -> Result<Time, ClusterError> {
        let child = self.running.lock().coordinator.take();
        let child = child.ok_or_else(|| ClusterError::NotRunning(COORDINATOR.into()))?;
        let at = child.kill().map_err(ClusterError::io(COORDINATOR))?;
        self.running.lock().events.take_last(&child);
        Ok(at)
    }

    /// Kills a storage server with SIGKILL. Tells when, on the machine's clock.
    pub fn kill_storage(&self, server: u32) -> Result<Time, ClusterError> {
        self.take_out(server)?.kill().map_err(ClusterError::io(name(server)))
    }

    /// Kills these storage servers at once, none later than the others are gone. Tells when, on the machine's clock.
    pub fn kill_together(&self, servers: &[u32]) -> Result<Time, ClusterError> {
        let children =
            servers.iter().map(|server| self.take_out(*server)).collect::<Result<Vec<_>, ClusterError>>()?;
        kill_all(&children)
    }

    /// Kills every process with SIGKILL. Tells when, on the machine's clock.
    pub fn kill_all(&self) -> Result<Time, ClusterError> {
        let mut running = self.running.lock();
        let coordinator = running.coordinator.take();
        let mut children: Vec<_> = running.storage.iter_mut().filter_map(|slot| slot.child.take()).collect();
        drop(running);
        children.extend(coordinator.clone());
        let at = kill_all(&children)?;
        if let Some(coordinator) = coordinator {
            self.running.lock().events.take_last(&coordinator);
        }
        Ok(at)
    }

    /// Stops a storage server with SIGSTOP. Tells when, on the machine's clock.
    pub fn pause_storage(&self, server: u32) -> Result<Time, ClusterError> {
        self.running_storage(server)?.pause().map_err(ClusterError::io(name(server)))
    }

    /// Ends the pause of a storage server.
    pub fn resume_storage(&self, server: u32) -> Result<Time, ClusterError> {
        self.running_storage(server)?.resume().map_err(ClusterError::io(name(server)))
    }

    /// Stops a storage server cleanly: it hands its lease back (F9).
    pub fn stop_storage(&self, server: u32, within: Duration) -> Result<(), ClusterError> {
        self.take_out(server)?.stop(within).map_err(ClusterError::io("no clean stop"))
    }

    /// Forgets the process of a storage server that has ended, so that it can be started again. Waits for that.
    pub fn let_go(&self, server: u32, within: Duration) -> Result<Arc<Child>, ClusterError> {
        let child = self.running_storage(server)?;
        let ended = child.wait(within).map_err(ClusterError::io(name(server)))?;
        ended.ok_or_else(|| ClusterError::NotInTime {
            what: format!("the end of {}", name(server)),
            within,
        })?;
        self.take_out(server)
    }

    /// Stops every process cleanly: storage servers first, which say at the coordinator that they leave and wait for
    /// its answer.
    pub fn stop(self, within: Duration) -> Result<(), ClusterError> {
        let mut running = self.running.lock();
        let storage: Vec<_> = running.storage.iter_mut().filter_map(|slot| slot.child.take()).collect();
        let coordinator = running.coordinator.take();
        drop(running);
        let stop = || {
            storage.iter().try_for_each(|child| child.tell_to_stop())?;
            storage.iter().try_for_each(|child| child.until_stopped(within))?;
            coordinator.iter().try_for_each(|child| child.stop(within))
        };
        stop().map_err(ClusterError::io("no clean stop"))
    }

    /// Everything that the coordinators of this cluster saw so far, in order, the newest 65,536 events.
    #[must_use]
    pub fn events(&self) -> Vec<Observed> {
        let mut running = self.running.lock();
        if let Some(coordinator) = running.coordinator.clone() {
            running.events.take(&coordinator);
        }
        running.events.all()
    }

    /// Events that were lost.
    #[must_use]
    pub fn dropped_events(&self) -> u64 {
        let running = self.running.lock();
        running.events.dropped(running.coordinator.as_deref())
    }

    /// The coordinator's snapshot.
    pub fn coordinator_report(&self) -> Result<CoordinatorReport, ClusterError> {
        let child = self.coordinator().ok_or_else(|| ClusterError::NotRunning(COORDINATOR.into()))?;
        match child.status(Self::STATUS_WITHIN).map_err(ClusterError::io("no report"))? {
            NodeReport::Coordinator(report) => Ok(report),
            NodeReport::Storage(_) => Err(ClusterError::Invalid("the coordinator plays another role".into())),
        }
    }

    /// The snapshot of a storage server.
    pub fn storage_report(&self, server: u32) -> Result<StorageReport, ClusterError> {
        match self
            .running_storage(server)?
            .status(Self::STATUS_WITHIN)
            .map_err(ClusterError::io("no report"))?
        {
            NodeReport::Storage(report) => Ok(report),
            NodeReport::Coordinator(_) => {
                Err(ClusterError::Invalid(format!("{} plays another role", name(server))))
            }
        }
    }

    /// Waits until all storage servers that run may get tablets (T7), and no dead one is left to recover.
    pub fn until_ready(&self, within: Duration) -> Result<(), ClusterError> {
        let deadline = Instant::now() + within;
        loop {
            let report = self.coordinator_report()?;
            self.check_running()?;
            let newcomers = self.newcomers(&report);
            let dead: Vec<_> = report.servers.iter().filter(|server| server.is_dead).collect();
            if newcomers.is_empty() && dead.is_empty() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let recoveries = dead.into_iter().map(|server| format!("the recovery of {}", server.id));
                let first_heads = newcomers.into_iter().map(|server| self.first_head(server));
                let what = first_heads.chain(recoveries).collect::<Vec<_>>().join(", ");
                return Err(ClusterError::NotInTime { what, within });
            }
            thread::sleep(Self::LOOK_EVERY);
        }
    }

    /// A storage server that has ended by itself will not get ready.
    fn check_running(&self) -> Result<(), ClusterError> {
        let children: Vec<_> = (0..self.config().servers).filter_map(|server| self.storage(server)).collect();
        match children.iter().find(|child| !child.is_running()) {
            None => Ok(()),
            Some(child) => {
                let why = child.ended().unwrap_or_else(|| child.complaints());
                Err(ClusterError::Ended { name: child.name().to_owned(), why, seen: self.seen_last() })
            }
        }
    }

    /// The newest of what the coordinators saw, in words.
    fn seen_last(&self) -> String {
        let events = self.events();
        let last = &events[events.len().saturating_sub(Self::SEEN_LAST)..];
        let begin = last.first().map_or(0, |seen| seen.at_ns);
        let line = |seen: &Observed| format!("{} ms {:?}", (seen.at_ns - begin) / 1_000_000, seen.event);
        last.iter().map(line).collect::<Vec<_>>().join(", ")
    }

    /// Storage servers that run, and may not get tablets yet.
    fn newcomers(&self, report: &CoordinatorReport) -> Vec<u32> {
        let is_placeable = |id| report.servers.iter().any(|server| server.id == id && server.is_placeable);
        let running = self.running.lock();
        let slots = (0..).zip(&running.storage).filter(|(_, slot)| slot.child.is_some());
        let is_new = |slot: &Slot| !slot.ids.last().is_some_and(|id| is_placeable(*id));
        slots.filter(|(_, slot)| is_new(slot)).map(|(server, _)| server).collect()
    }

    /// What is missing of a server, and how it is.
    fn first_head(&self, server: u32) -> String {
        let name = name(server);
        match self.storage_report(server) {
            Ok(report) => format!("the first head of {name}, which is {report:?}"),
            Err(error) => format!("the first head of {name} ({error})"),
        }
    }

    /// Waits until something holds, looking every 5 ms; whether it came in time.
    pub fn until(&self, within: Duration, mut is_so: impl FnMut(&Self) -> bool) -> bool {
        let deadline = Instant::now() + within;
        loop {
            if is_so(self) {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(Self::LOOK_EVERY);
        }
    }

    /// A client of this cluster, with a certificate of its own, on threads of its own.
    pub fn client(&self, name: &str, config: ClientConfig) -> Result<ClusterClient, ClusterError> {
        let coordinator = self.address().ok_or_else(|| ClusterError::NotRunning(COORDINATOR.into()))?;
        let access = Access {
            cluster: self.nodes.cluster,
            coordinators: vec![coordinator],
            credentials: self.nodes.certificates.issue(name, Role::Client)?.credentials()?,
            times: self.config().times,
        };
        ClusterClient::connect(&access, config)
    }

    fn running_storage(&self, server: u32) -> Result<Arc<Child>, ClusterError> {
        self.storage(server).ok_or_else(|| ClusterError::NotRunning(name(server)))
    }

    fn take_out(&self, server: u32) -> Result<Arc<Child>, ClusterError> {
        let mut running = self.running.lock();
        let child = running.storage.get_mut(server as usize).and_then(|slot| slot.child.take());
        child.ok_or_else(|| ClusterError::NotRunning(name(server)))
    }
}

impl Drop for Cluster {
    /// All at once: those that are left see no death that matters.
    fn drop(&mut self) {
        let _ = self.kill_all();
    }
}

/// First every signal, then the waits.
fn kill_all(children: &[Arc<Child>]) -> Result<Time, ClusterError> {
    let at = super::boot_time();
    for child in children {
        child.send_kill().map_err(ClusterError::io(child.name()))?;
    }
    for child in children {
        child.kill().map_err(ClusterError::io(child.name()))?;
    }
    Ok(at)
}

/// Of the cluster in this directory, or of a new one.
fn cluster_id(dir: &Path) -> Result<ClusterId, ClusterError> {
    let path = dir.join("cluster");
    let failed = || ClusterError::io(format!("{path:?}"));
    match fs::read_to_string(&path) {
        Ok(digits) => u128::from_str_radix(digits.trim(), 16)
            .map(ClusterId)
            .map_err(|_| ClusterError::Invalid(format!("{path:?} names no cluster: take another directory"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let id = new_id();
            // Durable before any process starts: they refuse directories of another cluster.
            durable_file::write(&path, &format!("{:032x}\n", id.0), 0o644).map_err(failed())?;
            Ok(id)
        }
        Err(error) => Err(failed()(error)),
    }
}

/// An id of this process and this moment: no two clusters on a machine have the same.
#[must_use]
pub fn new_id() -> ClusterId {
    let moment = u128::from(super::boot_time().0) << 64;
    ClusterId(moment | u128::from(std::process::id()) << 32 | 0x7265_6b69)
}

/// `host:port/heartbeatport`, as a coordinator says where it is, as two sockets.
#[must_use]
pub fn both_sockets(address: &str) -> Option<(SocketAddr, SocketAddr)> {
    let (listen, heartbeats) = address.rsplit_once('/')?;
    let listen: SocketAddr = listen.parse().ok()?;
    Some((listen, SocketAddr::new(listen.ip(), heartbeats.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_two_sockets() {
        let (listen, heartbeats) = both_sockets("127.0.0.1:4000/4001").unwrap();
        assert_eq!((listen.port(), heartbeats), (4000, SocketAddr::from(([127, 0, 0, 1], 4001))));
        assert_eq!(both_sockets("127.0.0.1:4000"), None);
    }

    #[test]
    fn a_directory_keeps_its_cluster() {
        let dir = tempfile::tempdir().unwrap();
        let id = cluster_id(dir.path()).unwrap();
        assert_eq!(cluster_id(dir.path()).unwrap(), id);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "written in one step");
        fs::write(dir.path().join("cluster"), "mine").unwrap();
        assert!(cluster_id(dir.path()).unwrap_err().to_string().contains("take another directory"));
    }
}
