//! Lets faults strike, and undoes them.

use super::{Coverage, Fault, Pick, Schedule, Step, Strike};
use crate::{COORDINATOR, SimCluster, SimStore, check_settled, name, trace::Incident, weather::Climate};
use futures_util::future::join_all;
use parking_lot::Mutex;
use rekindle_backup::Durability;
use rekindle_env::{Clock, Time, memory::Crash};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// Between two looks for a step.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Strikes a cluster.
pub(super) struct Striker<'a> {
    cluster: &'a SimCluster,
    clock: Arc<dyn Clock>,
    told: Mutex<Tale>,
    /// Servers that may have lost replicas since everything was last settled.
    harm: Mutex<u32>,
}

/// What happened.
#[derive(Clone, Default)]
pub(super) struct Tale {
    pub(super) struck: Vec<(Time, String)>,
    pub(super) coverage: Coverage,
    /// Strikes that were left out: their step did not come, there was nobody to hit, or it would have been too much.
    pub(super) left_out: u64,
    /// Replicas that bit flips may have spoiled stay so: nobody reads them before a recovery does.
    spoiled: u32,
}

impl<'a> Striker<'a> {
    pub(super) fn new(cluster: &'a SimCluster) -> Self {
        let clock = cluster.world.node("network").env().clock;
        Self { cluster, clock, told: Mutex::default(), harm: Mutex::default() }
    }

    pub(super) fn tale(&self) -> Tale {
        self.told.lock().clone()
    }

    /// Plays the whole schedule from now on.
    pub(super) async fn play(&self, schedule: &Schedule) {
        join_all(schedule.0.iter().map(|strike| self.strike(strike))).await;
    }

    async fn strike(&self, strike: &Strike) {
        self.clock.sleep(strike.at).await;
        let deadline = self.clock.now() + Strike::PATIENCE;
        loop {
            let steps = Step::of(self.cluster);
            let is_time = strike.during.is_none_or(|step| steps.contains(&step));
            if is_time && self.may_bear(&strike.fault) {
                let Some(undo) = self.hit(strike.fault) else { break };
                let undo = self.finish_hit(undo).await;
                let incident = self.note(strike, &steps, &undo);
                self.clock.sleep(strike.lasts).await;
                self.undo(undo);
                self.cluster.incidents.end(incident, self.clock.now());
                return;
            }
            if self.clock.now() >= deadline {
                break;
            }
            self.clock.sleep(LOOK_EVERY).await;
        }
        self.told.lock().left_out += 1;
    }

    /// Writes the strike down. The number of the incident.
    fn note(&self, strike: &Strike, steps: &BTreeSet<Step>, undo: &Undo) -> usize {
        let (kind, from) = (strike.fault.kind(), self.clock.now());
        let what = format!("{:?}, {:?}, at {steps:?}", strike.fault, strike.lasts);
        {
            let mut told = self.told.lock();
            told.coverage.struck(kind, steps.iter().copied());
            told.struck.push((from, what.clone()));
        }
        let (whom, cut) = undo.whom();
        self.cluster.incidents.begin(Incident { kind, whom, cut, what, from, to: None })
    }

    /// A clean stop takes its time.
    async fn finish_hit(&self, undo: Undo) -> Undo {
        match undo {
            Undo::StopFirst(server) => {
                self.cluster.stop_storage(server).await;
                Undo::Start(vec![server])
            }
            undo => undo,
        }
    }

    /// Counts what the fault may destroy, unless it is too much together with what others have destroyed.
    fn may_bear(&self, fault: &Fault) -> bool {
        let config = self.cluster.config();
        let keeps = config.store == SimStore::Disks(Durability::Persistent);
        let more = fault.harm(keeps);
        if more == 0 {
            return true;
        }
        let mut harm = self.harm.lock();
        if check_settled(self.cluster).is_ok() {
            *harm = 0;
        }
        let spoiled = self.told.lock().spoiled;
        let is_little = harm.saturating_add(spoiled).saturating_add(more) <= config.replicas;
        if is_little {
            *harm += more;
        }
        is_little
    }

    /// Does it; says what undoes it. None when there is nobody to hit.
    fn hit(&self, fault: Fault) -> Option<Undo> {
        let cluster = self.cluster;
        let running = cluster.running();
        let one = |pick: Pick| pick.of(&running);
        match fault {
            Fault::Kill { server, crash } => {
                let server = one(server)?;
                cluster.crash_storage(server, crash);
                Some(Undo::Start(vec![server]))
            }
            Fault::KillTwo { servers: [first, second], crash } => {
                let first = one(first)?;
                let others: Vec<u32> = running.iter().copied().filter(|server| *server != first).collect();
                let second = second.of(&others)?;
                [first, second].into_iter().for_each(|server| cluster.crash_storage(server, crash));
                Some(Undo::Start(vec![first, second]))
            }
            Fault::Stop { server } => Some(Undo::StopFirst(one(server)?)),
            Fault::KillCoordinator { crash } => {
                cluster.coordinator(|_| ())?;
                cluster.crash_coordinator(crash);
                Some(Undo::StartCoordinator)
            }
            Fault::PowerLoss { crash } => {
                cluster.crash_all(crash);
                Some(Undo::StartAll)
            }
            Fault::Pause { server } => {
                let server = one(server)?;
                cluster.pause_storage(server);
                Some(Undo::Resume(name(server)))
            }
            Fault::PauseCoordinator => {
                cluster.coordinator(|_| ())?;
                cluster.world.node(COORDINATOR).pause();
                Some(Undo::Resume(COORDINATOR.to_owned()))
            }
            Fault::CutOneWay { from, to } => {
                let all = self.everybody();
                let from = from.of(&all)?;
                let others: Vec<usize> = all.into_iter().filter(|other| *other != from).collect();
                let (from, to) = (self.address(from), self.address(to.of(&others)?));
                Some(self.cut(vec![(from, to)]))
            }
            Fault::CutFromCoordinator { server } => {
                let server = name(one(server)?);
                Some(self.cut(both_ways(&server, COORDINATOR)))
            }
            Fault::Isolate { server } => {
                let server = name(one(server)?);
                let others = self.everybody().into_iter().map(|other| self.address(other));
                let links =
                    others.filter(|other| *other != server).flat_map(|other| both_ways(&server, &other));
                Some(self.cut(links.collect()))
            }
            Fault::Weather(climate) => {
                cluster.weather.turn(climate);
                Some(Undo::Weather)
            }
            Fault::SlowDisk { server, latency } => {
                let server = one(server)?;
                cluster.node(server).disk().set_latency(latency);
                Some(Undo::FastDisk(server))
            }
            Fault::FullDisk { server, free_bytes } => {
                let server = one(server)?;
                let disk = cluster.node(server).disk();
                disk.set_capacity(Some(disk.used_bytes() + free_bytes));
                Some(Undo::EmptyDisk(server))
            }
            Fault::FailSync { server, after } => {
                let server = one(server)?;
                cluster.node(server).disk().fail_sync_after(after);
                Some(Undo::Restart(server))
            }
            Fault::Flip { server, bytes, at } => {
                let server = one(server)?;
                self.flip(server, bytes, at)?;
                Some(Undo::Nothing(server))
            }
            Fault::Drift { server, ppm } => {
                let server = one(server)?;
                cluster.node(server).skew_clock(Duration::ZERO, ppm);
                Some(Undo::Nothing(server))
            }
        }
    }

    /// Storage servers, running or not, and behind them the coordinator.
    fn everybody(&self) -> Vec<usize> {
        (0..=self.cluster.config().servers as usize).collect()
    }

    fn address(&self, number: usize) -> String {
        let servers = self.cluster.config().servers;
        if number == servers as usize { COORDINATOR.to_owned() } else { name(number as u32) }
    }

    fn cut(&self, links: Vec<(String, String)>) -> Undo {
        links.iter().for_each(|(from, to)| self.cluster.weather.cut(from, to));
        Undo::Mend(links)
    }

    /// Only one server's disk is ever spoiled: what it spoils stays spoiled.
    fn flip(&self, server: u32, bytes: u64, at: Pick) -> Option<()> {
        let mut told = self.told.lock();
        if told.spoiled > 0 {
            return None;
        }
        let disk = self.cluster.node(server).disk();
        for number in 0..bytes {
            let place = at.0.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) % FLIP_WITHIN;
            // A file that is not there yet has nothing to be spoiled.
            disk.flip(FRAMES, place, 1 << (place % 8)).ok()?;
        }
        told.spoiled = 1;
        Some(())
    }

    fn undo(&self, undo: Undo) {
        let cluster = self.cluster;
        match undo {
            Undo::Nothing(_) => {}
            Undo::Start(servers) => servers.into_iter().for_each(|server| self.start(server)),
            Undo::StopFirst(server) => self.start(server),
            Undo::StartCoordinator => self.start_coordinator(),
            Undo::StartAll => cluster.start_missing(),
            Undo::Resume(name) => cluster.world.node(&name).resume(),
            Undo::Mend(links) => {
                links.iter().for_each(|(from, to)| cluster.weather.mend_link(from, to));
            }
            Undo::Weather => cluster.weather.turn(cluster.config().climate),
            Undo::FastDisk(server) => {
                cluster.node(server).disk().set_latency(cluster.config().disk_latency_max);
            }
            Undo::EmptyDisk(server) => {
                cluster.node(server).disk().set_capacity(None);
                self.restart(server);
            }
            Undo::Restart(server) => self.restart(server),
        }
    }

    fn restart(&self, server: u32) {
        self.cluster.crash_storage(server, Crash::DropUnsynced);
        self.start(server);
    }

    fn start(&self, server: u32) {
        if !self.cluster.running().contains(&server) {
            self.cluster.start_storage(server);
        }
    }

    fn start_coordinator(&self) {
        if self.cluster.coordinator(|_| ()).is_none() {
            self.cluster.start_coordinator();
        }
    }

    /// Everything that may still be wrong is mended.
    pub(super) fn mend(&self) {
        let cluster = self.cluster;
        cluster.weather.turn(Climate::CALM);
        cluster.weather.mend();
        for server in 0..cluster.config().servers {
            let node = cluster.node(server);
            node.resume();
            node.disk().set_latency(cluster.config().disk_latency_max);
            node.disk().set_capacity(None);
        }
        cluster.world.node(COORDINATOR).resume();
        cluster.start_missing();
    }
}

/// File of a backup's frames.
const FRAMES: &str = "frames";
/// Bytes from its beginning that frames in use have, mostly.
const FLIP_WITHIN: u64 = 4 << 20;

/// What undoes a fault.
enum Undo {
    /// What was done to this server stays.
    Nothing(u32),
    Start(Vec<u32>),
    /// It has to be stopped before it can be started.
    StopFirst(u32),
    StartCoordinator,
    StartAll,
    Resume(String),
    Mend(Vec<(String, String)>),
    Weather,
    FastDisk(u32),
    EmptyDisk(u32),
    Restart(u32),
}

impl Undo {
    /// Who is hit, and which links are. Nobody when it is everybody.
    fn whom(&self) -> (Vec<String>, Vec<(String, String)>) {
        match self {
            Self::Start(servers) => (servers.iter().copied().map(name).collect(), Vec::new()),
            Self::StopFirst(server)
            | Self::FastDisk(server)
            | Self::EmptyDisk(server)
            | Self::Restart(server)
            | Self::Nothing(server) => (vec![name(*server)], Vec::new()),
            Self::StartCoordinator => (vec![COORDINATOR.to_owned()], Vec::new()),
            Self::Resume(node) => (vec![node.clone()], Vec::new()),
            Self::Mend(links) => (common_ends(links), links.clone()),
            Self::StartAll | Self::Weather => (Vec::new(), Vec::new()),
        }
    }
}

/// Whom all of the links concern.
fn common_ends(links: &[(String, String)]) -> Vec<String> {
    let ends = links.iter().flat_map(|(from, to)| [from, to]).collect::<BTreeSet<_>>();
    ends.into_iter()
        .filter(|end| links.iter().all(|(from, to)| from == *end || to == *end))
        .cloned()
        .collect()
}

fn both_ways(one: &str, other: &str) -> Vec<(String, String)> {
    vec![(one.to_owned(), other.to_owned()), (other.to_owned(), one.to_owned())]
}
