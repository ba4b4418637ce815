//! Load, faults, calm, verification: the same story under many seeds.

use crate::{
    Counts, SimCluster, SimConfig, SimStore, Workload, WorkloadConfig, check_settled, check_single_owner,
    weather::Climate,
};
use rekindle_backup::Durability;
use rekindle_client::{ClientConfig, Table};
use rekindle_cluster::server::StorageServer;
use rekindle_coordinator::{Event, meta::Recorded};
use rekindle_env::{Clock, Rng, Time};
use std::{sync::Arc, time::Duration};

/// A story to play.
#[derive(Clone, Copy, Debug)]
pub struct StormConfig {
    /// The cluster.
    pub sim: SimConfig,
    /// What clients do meanwhile.
    pub workload: WorkloadConfig,
    /// Tablets of the table.
    pub tablets: u32,
    /// Faults, one after another, each awaited.
    pub faults: u32,
    /// The network while faults happen.
    pub climate: Climate,
}

impl StormConfig {
    /// Six servers, R = 2, four clients, three faults.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let climate = if seed.is_multiple_of(2) { Climate::CALM } else { Climate::ROUGH };
        let workload = WorkloadConfig::default();
        Self { sim: SimConfig::new(seed), workload, tablets: 12, faults: 3, climate }
    }
}

/// A fault that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A storage server was killed.
    Kill,
    /// Two at once.
    KillTwo,
    /// One, and then a server that recovers it.
    KillRecoveryMaster,
    /// One, and the coordinator crashed at a record of the recovery.
    CrashCoordinator,
    /// One stood still for longer than it takes to be declared dead, and went on.
    Pause,
    /// One could not reach the coordinator for so long, but everybody else.
    Isolate,
    /// One was killed, and started again at once with its disk.
    Restart,
    /// Everything was killed at once, and started again with its disks.
    PowerLoss,
}

impl Fault {
    /// Every kind that this store bears.
    #[must_use]
    pub fn of(store: SimStore) -> &'static [Self] {
        const ALL: [Fault; 8] = [
            Fault::Kill,
            Fault::KillTwo,
            Fault::KillRecoveryMaster,
            Fault::CrashCoordinator,
            Fault::Pause,
            Fault::Isolate,
            Fault::Restart,
            Fault::PowerLoss,
        ];
        match store {
            SimStore::Memory => &ALL[..6],
            // J5: without a journal a power failure loses what no frame holds.
            SimStore::Disks(Durability::Buffered) => &ALL[..7],
            SimStore::Disks(Durability::Persistent) => &ALL,
        }
    }
}

/// How a story ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StormReport {
    /// What happened.
    pub faults: Vec<Fault>,
    /// Coordinators that crashed at a record.
    pub coordinator_crashes: u32,
    /// Recoveries that ended.
    pub recoveries: usize,
    /// What the clients did.
    pub counts: Counts,
    /// Objects at the end.
    pub objects: u64,
    /// Virtual time that passed.
    pub elapsed: Duration,
    /// Equal for equal runs.
    pub trace: u64,
}

/// Plays the story.
///
/// # Errors
/// What was broken, with the seed.
pub fn play(config: &StormConfig) -> Result<StormReport, String> {
    let cluster = SimCluster::new(config.sim);
    cluster.start();
    let mut story = Story::new(&cluster, config);
    let told = cluster.world.block_on(story.tell());
    let objects = told.map_err(|what| story.account(&what))?;
    Ok(StormReport {
        coordinator_crashes: story.coordinator_crashes,
        recoveries: cluster.timeline.count(|event| matches!(event, Event::Recovered(_))),
        counts: story.counts,
        faults: story.faults,
        objects,
        elapsed: cluster.world.now().since(Time(0)),
        trace: cluster.world.trace_hash(),
    })
}

/// Longest time that a recovery, or a start, may take.
const PATIENCE: Duration = Duration::from_secs(60);

struct Story<'a> {
    cluster: &'a SimCluster,
    config: &'a StormConfig,
    /// Faults have a random stream of their own.
    rng: Arc<dyn Rng>,
    clock: Arc<dyn Clock>,
    faults: Vec<Fault>,
    coordinator_crashes: u32,
    counts: Counts,
}

impl<'a> Story<'a> {
    fn new(cluster: &'a SimCluster, config: &'a StormConfig) -> Self {
        let (rng, clock) = (cluster.world.rng("faults"), cluster.world.node("network").env().clock);
        let counts = Counts::default();
        Self { cluster, config, rng, clock, faults: Vec::new(), coordinator_crashes: 0, counts }
    }

    async fn tell(&mut self) -> Result<u64, String> {
        self.wait("start", SimCluster::is_ready).await?;
        let table = self.table().await?;
        let env = self.cluster.world.node("client").env();
        let mut workload = Workload::start(self.config.workload, table, env);
        self.sleep(200).await;
        self.cluster.weather.turn(self.config.climate);
        for _ in 0..self.config.faults {
            self.fault().await?;
            self.heal(&workload).await?;
        }
        self.cluster.weather.turn(Climate::CALM);
        self.sleep(500).await;
        workload.stop().await;
        self.settled("settling", |_| true).await?;
        let objects = workload.verify(PATIENCE).await.map_err(|breach| breach.to_string())?;
        self.check(&workload)?;
        self.counts = workload.counts();
        Ok(objects)
    }

    /// What went wrong, after what, and how everything stands.
    fn account(&self, what: &str) -> String {
        let mut account = format!("seed {}: {what}\nafter {:?}; then:", self.config.sim.seed, self.faults);
        let events = self.cluster.timeline.events();
        for (at, event) in &events[events.len().saturating_sub(40)..] {
            account += &format!("\n  {at:?} {event:?}");
        }
        for (server, status) in self.cluster.statuses() {
            account += &format!("\n  {}: {status:?}", crate::name(server));
        }
        let waiting = self.cluster.coordinator(|c| (c.term(), c.ended()));
        account + &format!("\n  now {:?}, coordinator {waiting:?}", self.cluster.world.now())
    }

    async fn table(&self) -> Result<Table, String> {
        let client = self.cluster.client("client", ClientConfig::default());
        client.create_table("table", self.config.tablets).await.map_err(|e| format!("create table: {e}"))
    }

    async fn fault(&mut self) -> Result<(), String> {
        self.sleep(300).await;
        let (first, second) = self.two();
        let faults = Fault::of(self.config.sim.store);
        let fault = faults[self.rng.below(faults.len() as u64) as usize];
        self.faults.push(fault);
        match fault {
            Fault::Kill => self.cluster.kill_storage(first),
            Fault::KillTwo => {
                self.cluster.kill_storage(first);
                self.cluster.kill_storage(second);
            }
            Fault::KillRecoveryMaster => self.kill_recovery_master(first, second).await?,
            Fault::CrashCoordinator => self.crash_coordinator(first).await?,
            Fault::Pause => {
                self.cluster.pause_storage(first);
                self.clock.sleep(Duration::from_secs(4)).await;
                self.cluster.resume_storage(first);
            }
            Fault::Isolate => {
                self.cluster.weather.cut(&crate::name(first), crate::COORDINATOR);
                self.clock.sleep(Duration::from_secs(4)).await;
                self.cluster.weather.mend();
            }
            Fault::Restart => {
                self.cluster.kill_storage(first);
                self.sleep(200).await;
                self.cluster.start_storage(first);
            }
            Fault::PowerLoss => {
                self.cluster.kill_all();
                self.sleep(2_000).await;
                self.cluster.start_missing();
            }
        }
        Ok(())
    }

    /// Some time into the recovery of one server, a server dies that takes part.
    async fn kill_recovery_master(&self, first: u32, second: u32) -> Result<(), String> {
        let events = self.cluster.timeline.events().len();
        let victim = self.cluster.storage(first, StorageServer::id).flatten();
        self.cluster.kill_storage(first);
        let planned = |e: &Event| matches!(e, Event::Planned { .. } | Event::Recovered(_));
        self.wait("plan", |cluster| {
            victim.is_some_and(|id| cluster.has_left(id))
                || cluster.timeline.events()[events..].iter().any(|(_, e)| planned(e))
        })
        .await?;
        self.clock.sleep(Duration::from_micros(self.rng.below(30_000))).await;
        self.cluster.kill_storage(second);
        Ok(())
    }

    /// The coordinator crashes at one of the next records, and another takes over.
    async fn crash_coordinator(&mut self, victim: u32) -> Result<(), String> {
        if self.config.sim.store != SimStore::Memory {
            self.cluster.kill_storage(victim);
            self.sleep(2_000).await;
            self.cluster.kill_coordinator();
            self.coordinator_crashes += 1;
            self.sleep(400).await;
            self.cluster.start_coordinator();
            return Ok(());
        }
        let recorded = if self.rng.below(2) == 0 { Recorded::Yes } else { Recorded::No };
        self.cluster.crash_coordinator_after(self.rng.below(10), recorded);
        self.cluster.kill_storage(victim);
        let crashed = self.cluster.until(Duration::from_secs(5), SimCluster::has_coordinator_crashed).await;
        self.coordinator_crashes += u32::from(crashed);
        // When it did not come to that record, the next coordinator crashes there, and the one after goes on.
        self.cluster.kill_coordinator();
        self.sleep(400).await;
        self.cluster.start_coordinator();
        Ok(())
    }

    /// Two servers that run.
    fn two(&self) -> (u32, u32) {
        let running = self.cluster.running();
        let first = self.rng.below(running.len() as u64) as usize;
        let second = (first + 1 + self.rng.below(running.len() as u64 - 1) as usize) % running.len();
        (running[first], running[second])
    }

    /// Starts again what was killed, and waits until everything is recovered and on R backups.
    async fn heal(&self, workload: &Workload) -> Result<(), String> {
        if self.rng.below(2) == 0 {
            self.settled("recovery", |_| true).await?;
        }
        // A zombie learns that it is one, and its process ends.
        let removed = |server: &u32| self.cluster.storage(*server, StorageServer::is_removed) == Some(true);
        self.sleep(500).await;
        self.cluster
            .running()
            .into_iter()
            .filter(removed)
            .for_each(|server| self.cluster.kill_storage(server));
        self.cluster.start_missing();
        self.settled("healing", SimCluster::is_ready).await?;
        self.check(workload)
    }

    fn check(&self, workload: &Workload) -> Result<(), String> {
        match workload.breaches().first() {
            Some(breach) => Err(breach.to_string()),
            None => Ok(()),
        }
    }

    /// Waits until everything has settled and `is_so`, or says what has not.
    async fn settled(&self, what: &str, is_so: impl Fn(&SimCluster) -> bool) -> Result<(), String> {
        let settled = self.wait(what, |cluster| check_settled(cluster).is_ok() && is_so(cluster)).await;
        settled.map_err(|late| match check_settled(self.cluster) {
            Err(violation) => format!("{late}: {violation}"),
            Ok(()) => late,
        })
    }

    /// Looks every 10 ms, and at the owners each time.
    async fn wait(&self, what: &str, mut is_so: impl FnMut(&SimCluster) -> bool) -> Result<(), String> {
        let mut owners = Ok(());
        let look = |cluster: &SimCluster| {
            cluster.replace_crashed_coordinator(); // A crash that was asked for may come late.
            owners = check_single_owner(cluster);
            owners.is_err() || is_so(cluster)
        };
        let in_time = self.cluster.until(PATIENCE, look).await;
        owners.map_err(|violation| violation.to_string())?;
        if in_time { Ok(()) } else { Err(format!("{what} took longer than {PATIENCE:?}")) }
    }

    async fn sleep(&self, ms_max: u64) {
        self.clock.sleep(Duration::from_millis(self.rng.below(ms_max + 1))).await;
    }
}
