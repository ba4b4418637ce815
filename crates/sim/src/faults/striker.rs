//! Lets faults strike, and undoes them.

use super::{
    Coverage, Fault, Pick, Schedule, Step, Strike,
    armed::{Armed, coordinator_disk, disk},
    harm::Harm,
    step::LookAfter,
};
use crate::{
    COORDINATOR, SUCCESSOR, SimCluster, SimStore, check_settled, name, trace::Incident, weather::Climate,
};
use futures_util::{
    future::{Either, select},
    stream::{FuturesUnordered, StreamExt},
};
use parking_lot::Mutex;
use rekindle_backup::Durability;
use rekindle_coordinator::meta::Recorded;
use rekindle_env::{
    Clock, Time,
    memory::{Crash, Halt, Node},
};
use std::{collections::BTreeSet, iter, pin::pin, sync::Arc, time::Duration};

/// Between two looks for a step.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Strikes a cluster.
pub(super) struct Striker<'a> {
    pub(super) cluster: &'a SimCluster,
    clock: Arc<dyn Clock>,
    /// The coordinator's, then the servers'.
    nodes: Vec<Node>,
    pub(super) told: Mutex<Tale>,
    /// Servers that may have lost replicas since everything was last settled.
    harm: Mutex<Harm>,
    /// Faults that have struck and are not undone.
    striking: Mutex<u32>,
}

/// What happened.
#[derive(Clone, Default)]
pub(super) struct Tale {
    pub(super) struck: Vec<(Time, String)>,
    pub(super) coverage: Coverage,
    /// Strikes that were left out: their step did not come, there was nobody to hit, or it would have been too much.
    pub(super) left_out: u64,
    /// Whose replicas were spoiled; they stay so: nobody reads them before a recovery does.
    pub(super) spoiled: Option<u32>,
}

impl<'a> Striker<'a> {
    pub(super) fn new(cluster: &'a SimCluster) -> Self {
        let clock = cluster.world.node("network").env().clock;
        let servers = (0..cluster.config().servers).map(|server| cluster.node(server));
        let nodes = iter::once(cluster.world.node(COORDINATOR)).chain(servers).collect();
        Self {
            cluster,
            clock,
            nodes,
            told: Mutex::default(),
            harm: Mutex::default(),
            striking: Mutex::default(),
        }
    }

    pub(super) fn tale(&self) -> Tale {
        self.told.lock().clone()
    }

    /// Whether a fault has struck that is not undone.
    pub(super) fn is_striking(&self) -> bool {
        *self.striking.lock() > 0
    }

    /// Plays the whole schedule from now on.
    pub(super) async fn play(&self, schedule: &Schedule) {
        let mut strikes: FuturesUnordered<_> = schedule.0.iter().map(|strike| self.strike(strike)).collect();
        while strikes.next().await.is_some() {}
    }

    async fn strike(&self, strike: &Strike) {
        self.clock.sleep(strike.at).await;
        if !self.is_time(strike).await {
            return self.leave_out();
        }
        let steps = Step::of(self.cluster);
        let hit = match self.hit(strike.fault) {
            Some(undo) => self.finish_hit(undo, steps).await,
            None => None,
        };
        let Some((undo, steps)) = hit else { return self.leave_out() };
        *self.striking.lock() += 1;
        let incident = self.note(strike, &steps, &undo);
        self.clock.sleep(strike.lasts).await;
        self.undo(undo);
        self.cluster.incidents.end(incident, self.clock.now());
        *self.striking.lock() -= 1;
    }

    /// Waits until the cluster is at the step that the strike is for, and can bear it; not longer than
    /// [`Strike::PATIENCE`].
    async fn is_time(&self, strike: &Strike) -> bool {
        let deadline = self.clock.now() + Strike::PATIENCE;
        let mut over = self.clock.sleep_until(deadline);
        loop {
            let is_at_step = strike.during.is_none_or(|step| step.is_on(self.cluster));
            if is_at_step && self.has_target(&strike.fault) && self.may_bear(strike) {
                return true;
            }
            // What can't be borne now can't be borne before the cluster has healed: that takes time.
            let is_borne_later = is_at_step && self.has_target(&strike.fault);
            let after = strike.during.filter(|_| !is_borne_later).map_or(LookAfter::Time, Step::look_after);
            let looks = pin!(self.next_look(after));
            if let Either::Right(_) = select(looks, &mut over).await {
                return false;
            }
        }
    }

    /// A coordinator that is to be hit has to be there, in office or not.
    fn has_target(&self, fault: &Fault) -> bool {
        !fault.kind().needs_a_coordinator() || self.cluster.coordinator(|_| ()).is_some()
    }

    async fn next_look(&self, after: LookAfter) {
        let later = self.clock.sleep(LOOK_EVERY);
        match after {
            LookAfter::Time => later.await,
            // What is not there is not polled.
            LookAfter::Coordinator => drop(select(pin!(Node::polled(&self.nodes[..1])), later).await),
            LookAfter::Servers => Node::polled(&self.nodes[1..]).await,
        }
    }

    fn leave_out(&self) {
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

    /// A clean stop takes its time, and some faults strike only when something comes to pass: then that is the moment
    /// that counts. None when it does not.
    async fn finish_hit(&self, undo: Undo, steps: BTreeSet<Step>) -> Option<(Undo, BTreeSet<Step>)> {
        match undo {
            Undo::StopFirst(server) => {
                // What its disk does not let it keep is lost as by a crash.
                let _ = self.cluster.try_stop_storage(server).await;
                Some((Undo::Start(vec![server]), steps))
            }
            Undo::Await(armed) => armed.come(self.cluster, &*self.clock).await,
            undo => Some((undo, steps)),
        }
    }

    /// Counts what the fault may destroy, unless it is too much together with what others have destroyed.
    fn may_bear(&self, strike: &Strike) -> bool {
        let fault = &strike.fault;
        let config = self.cluster.config();
        let keeps = config.store == SimStore::Disks(Durability::Persistent);
        let spoiled = self.told.lock().spoiled.is_some();
        // What is spoiled stays so, on one server: a further fault there takes nothing more.
        let (more, stays) = match fault.harm(keeps) {
            _ if fault.spoils() => (u32::from(!spoiled), true),
            more => (more, false),
        };
        if more == 0 {
            return true;
        }
        let (mut harm, now) = (self.harm.lock(), self.clock.now());
        let before = harm.servers(now, || check_settled(self.cluster).is_ok());
        let all = before.saturating_add(u32::from(spoiled)).saturating_add(more);
        let is_little = all <= config.replicas;
        if is_little && !stays {
            // Some faults strike only when something comes to pass.
            let strikes_by = if fault.kind().waits() { now + Strike::PATIENCE } else { now };
            harm.add(strikes_by + strike.lasts + Harm::NOTICED_AFTER, more);
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
            Fault::KillAtSync { server, after, takes_effect, crash } => {
                let server = one(server)?;
                disk(cluster, server).halt_at(Halt { after, syncs_only: true, takes_effect });
                Some(Undo::Await(Armed::Halt { server, crash }))
            }
            Fault::KillStarting { server, after, takes_effect, crash } => {
                let server = one(server)?;
                cluster.crash_storage(server, crash);
                disk(cluster, server).halt_at(Halt { after, syncs_only: false, takes_effect });
                cluster.start_storage(server);
                Some(Undo::Await(Armed::Halt { server, crash }))
            }
            Fault::Stop { server } => Some(Undo::StopFirst(one(server)?)),
            Fault::KillCoordinator { crash } => {
                cluster.coordinator(|_| ())?;
                cluster.crash_coordinator(crash);
                Some(Undo::StartCoordinator)
            }
            Fault::KillCoordinatorAtRecord { after, takes_effect, crash } => {
                cluster.coordinator(|_| ())?;
                if cluster.config().store == SimStore::Memory {
                    let recorded = if takes_effect { Recorded::Yes } else { Recorded::No };
                    cluster.crash_coordinator_after(after, recorded);
                } else {
                    coordinator_disk(cluster).halt_at(Halt { after, syncs_only: true, takes_effect });
                }
                Some(Undo::Await(Armed::Record { crash }))
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
            Fault::IsolateCoordinator => {
                let servers = (0..cluster.config().servers).map(name);
                Some(self.cut(servers.flat_map(|server| both_ways(&server, COORDINATOR)).collect()))
            }
            Fault::Depose { loyal } => {
                let loyal = name(one(loyal)?);
                cluster.depose_coordinator().then(|| Undo::Restored(self.cut_links(self.around(&loyal))))
            }
            Fault::Drift { server, ppm } => {
                let server = one(server)?;
                cluster.node(server).skew_clock(Duration::ZERO, ppm);
                Some(Undo::Nothing(name(server)))
            }
            disk => self.hit_disk(disk),
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
        Undo::Mend(self.cut_links(links))
    }

    fn cut_links(&self, links: Vec<(String, String)>) -> Vec<(String, String)> {
        links.iter().for_each(|(from, to)| self.cluster.weather.cut(from, to));
        links
    }

    /// All ways out for a deposed coordinator and one server: they see nobody but each other, and clients.
    fn around(&self, loyal: &str) -> Vec<(String, String)> {
        let others = (0..self.cluster.config().servers).map(name).filter(|other| other != loyal);
        let both = |other: String| [both_ways(loyal, &other), both_ways(COORDINATOR, &other)].concat();
        others.chain([SUCCESSOR.to_owned()]).flat_map(both).collect()
    }

    fn mend_links(&self, links: &[(String, String)]) {
        links.iter().for_each(|(from, to)| self.cluster.weather.mend_link(from, to));
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
            Undo::Mend(links) => self.mend_links(&links),
            Undo::Restored(links) => {
                self.mend_links(&links);
                self.restart_coordinator();
            }
            Undo::Weather => cluster.weather.turn(cluster.config().climate),
            Undo::FastDisk(name) => {
                cluster.world.node(&name).disk().set_latency(cluster.config().disk_latency_max);
            }
            Undo::EmptyDisk(server) => {
                cluster.node(server).disk().set_capacity(None);
                self.restart(server);
            }
            Undo::EmptyCoordinatorDisk => {
                coordinator_disk(cluster).set_capacity(None);
                self.restart_coordinator();
            }
            Undo::Restart(server) => self.restart(server),
            Undo::Await(_) => unreachable!("it has come, or was called off"),
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

    fn restart_coordinator(&self) {
        self.cluster.kill_coordinator();
        self.start_coordinator();
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
            let server = name(server);
            cluster.world.node(&server).resume();
            cluster.world.node(&server).disk().mend();
            cluster.world.node(&server).disk().set_latency(cluster.config().disk_latency_max);
        }
        cluster.world.node(COORDINATOR).resume();
        coordinator_disk(cluster).mend();
        coordinator_disk(cluster).set_latency(cluster.config().disk_latency_max);
        cluster.start_missing();
    }
}

/// What undoes a fault.
pub(super) enum Undo {
    /// What was done to this process stays.
    Nothing(String),
    Start(Vec<u32>),
    /// It has to be stopped before it can be started.
    StopFirst(u32),
    /// It has not struck yet.
    Await(Armed),
    StartCoordinator,
    StartAll,
    Resume(String),
    Mend(Vec<(String, String)>),
    /// Two coordinators end; one begins where the first was.
    Restored(Vec<(String, String)>),
    Weather,
    FastDisk(String),
    EmptyDisk(u32),
    EmptyCoordinatorDisk,
    Restart(u32),
}

impl Undo {
    /// Who is hit, and which links are. Nobody when it is everybody.
    fn whom(&self) -> (Vec<String>, Vec<(String, String)>) {
        match self {
            Self::Start(servers) => (servers.iter().copied().map(name).collect(), Vec::new()),
            Self::StopFirst(server) | Self::EmptyDisk(server) | Self::Restart(server) => {
                (vec![name(*server)], Vec::new())
            }
            Self::StartCoordinator | Self::EmptyCoordinatorDisk => (vec![COORDINATOR.to_owned()], Vec::new()),
            Self::Resume(node) | Self::FastDisk(node) | Self::Nothing(node) => {
                (vec![node.clone()], Vec::new())
            }
            Self::Mend(links) => (common_ends(links), links.clone()),
            Self::Restored(links) => (vec![COORDINATOR.to_owned()], links.clone()),
            Self::StartAll | Self::Weather | Self::Await(_) => (Vec::new(), Vec::new()),
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
