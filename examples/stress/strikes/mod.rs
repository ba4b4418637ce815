//! Kills, stops and starts processes while the clients work, and waits whenever the cluster can't take more.

mod draw;
mod record;
mod slot;

use crate::{args::Strike, plan::Plan, rig::Rig, screen::Screen};
use draw::Draw;
pub use record::{Blow, Record, Recovery};
use rekindle::cluster::local::{Cluster, CoordinatorReport, StorageReport};
use slot::{Slot, State};
use std::{
    collections::VecDeque,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Between two looks at how the servers are: each is asked.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A strike that waits longer than this says so.
const WAIT_TOLD: Duration = Duration::from_millis(500);
/// After a start that failed.
const START_AGAIN: Duration = Duration::from_secs(1);
/// So many starts may fail one after another: the coordinator may be away.
const FAILURES_MAX: u32 = 30;
/// A process that was stopped for longer than its lease may find out that it is dead.
const END_WITHIN: Duration = Duration::from_secs(5);

/// The processes, and what is done to them.
pub struct Siege {
    cluster: Arc<Cluster>,
    screen: Screen,
    replicas: u32,
    draw: Option<Draw>,
    slots: Vec<Slot>,
    coordinator: Office,
    /// Strikes to come: when, and whether each is a kill.
    due: VecDeque<(Duration, bool)>,
    /// The strike that was drawn and waits, and since when.
    waiting: Option<(Strike, Instant, bool)>,
    /// Deaths since every replica was last seen in its place.
    unhealed: u32,
    looked: Option<Instant>,
    seen: Option<CoordinatorReport>,
    began: Instant,
    /// What has happened.
    pub record: Record,
}

/// The coordinator's process.
enum Office {
    Up,
    Down(Instant),
    Starting(JoinHandle<Result<(), String>>),
}

impl Siege {
    /// Of a cluster all of whose processes run.
    pub fn new(plan: &Plan, rig: &Rig, screen: &Screen) -> Self {
        let lease = Duration::from_millis(rig.times.lease_ms);
        let draw = plan.kill_every.map(|every| Draw::new(plan, every, lease));
        let id = |server| rig.cluster.server_id(server).expect("every server has started");
        Self {
            cluster: rig.cluster.clone(),
            screen: screen.clone(),
            replicas: plan.replicas,
            due: draw.iter().flat_map(|draw| draw.times(plan.time)).collect(),
            draw,
            slots: (0..plan.servers).map(|server| Slot::up(id(server))).collect(),
            coordinator: Office::Up,
            waiting: None,
            unhealed: 0,
            looked: None,
            seen: None,
            began: Instant::now(),
            record: Record::default(),
        }
    }

    /// Does what is due.
    ///
    /// # Errors
    /// A process that can't be started again.
    pub fn step(&mut self) -> Result<(), String> {
        self.tend()?;
        self.look();
        let elapsed = self.began.elapsed();
        if self.waiting.is_none()
            && let Some((_, is_kill)) = self.due.front().copied().filter(|(at, _)| *at <= elapsed)
            && let Some(draw) = &mut self.draw
        {
            self.due.pop_front();
            let strike = if is_kill { draw.kill() } else { Strike::Pause };
            self.waiting = Some((strike, Instant::now(), false));
        }
        let Some((strike, since, is_told)) = self.waiting else { return Ok(()) };
        match self.hindrance(strike) {
            None => {
                self.record.waited += since.elapsed();
                self.waiting = None;
                self.strike(strike)
            }
            Some(why) => {
                if !is_told && since.elapsed() > WAIT_TOLD {
                    self.screen.say(format!("{:>12}  to {}: {why}", "waits", strike.name()));
                    self.record.waits += 1;
                    self.waiting = Some((strike, since, true));
                }
                Ok(())
            }
        }
    }

    /// Strikes no more; lets everything go on, and says whether all is as it should be.
    ///
    /// # Errors
    /// A process that can't be started again.
    pub fn calm(&mut self) -> Result<bool, String> {
        self.due.clear();
        self.waiting = None;
        let now = Instant::now();
        for slot in &mut self.slots {
            if let State::Paused(until) | State::Down(until) = &mut slot.state {
                *until = now.min(*until);
            }
        }
        self.tend()?;
        self.look();
        Ok(self.hindrance(Strike::Kill).is_none() && self.unhealed == 0 && self.is_whole())
    }

    fn is_whole(&self) -> bool {
        self.seen.as_ref().is_some_and(|report| {
            let is_placeable = |slot: &Slot| report.servers.iter().any(|s| s.id == slot.id && s.is_placeable);
            self.slots.iter().all(is_placeable)
        })
    }

    /// What is in the way of calm, for somebody who waits for it.
    pub fn why_not_calm(&self) -> String {
        let why = self.hindrance(Strike::Kill).unwrap_or_else(|| "replicas are being made anew".into());
        let report = |server: u32| match self.cluster.storage_report(server) {
            Err(error) => error.to_string(),
            Ok(report) => format!("{report:?}"),
        };
        let servers: Vec<_> = (0..self.slots.len() as u32).map(report).collect();
        format!("{why}; the coordinator says {:?}; servers: {servers:#?}", self.seen)
    }

    /// The servers' states, in a line.
    pub fn words(&self) -> String {
        let slots =
            (0..).zip(&self.slots).map(|(server, slot): (u32, _)| format!("{server} {}", slot.word()));
        let office = if matches!(self.coordinator, Office::Up) { "" } else { "; the coordinator is away" };
        format!("{}{office}", slots.collect::<Vec<_>>().join(", "))
    }

    /// Segments that were cleaned in all lives of all servers.
    pub fn segments_cleaned(&self) -> u64 {
        self.slots.iter().map(Slot::segments_cleaned).sum()
    }

    /// Everything that the coordinators have seen by now.
    pub fn hear(&mut self) {
        self.record.hear(self.cluster.events());
    }

    /// Why no such strike may come now.
    fn hindrance(&self, strike: Strike) -> Option<String> {
        if !matches!(self.coordinator, Office::Up) {
            return Some("the coordinator is away".into());
        }
        if let Some((server, slot)) =
            (0..).zip(&self.slots).find(|(_, slot)| !matches!(slot.state, State::Up))
        {
            let server: u32 = server;
            return Some(format!("server-{server} is {}", slot.word()));
        }
        let deaths = match strike {
            Strike::Kill | Strike::Pause => 1,
            Strike::Pair => 2,
            Strike::Coordinator => return None,
        };
        let Some(report) = &self.seen else { return Some("the coordinator does not answer".into()) };
        if report.failures_at_once < deaths {
            return Some(format!("the cluster can take {} now", report.failures_at_once));
        }
        if report.is_held || report.servers.iter().any(|server| server.is_dead) {
            return Some("a recovery is under way".into());
        }
        if self.unhealed + deaths > self.replicas {
            return Some("replicas are being made anew".into());
        }
        None
    }

    fn strike(&mut self, strike: Strike) -> Result<(), String> {
        let Some(draw) = &mut self.draw else { return Ok(()) };
        let now = Instant::now();
        let all: Vec<u32> = (0..self.slots.len() as u32).collect();
        let (servers, failed): (Vec<u32>, _) = match strike {
            Strike::Coordinator => {
                self.coordinator = Office::Down(now + draw.away());
                (Vec::new(), self.cluster.kill_coordinator().map(|_| ()))
            }
            Strike::Pause => {
                let (servers, time) = (draw.choose(all, 1), draw.pause());
                self.slots[servers[0] as usize].state = State::Paused(now + time);
                self.screen.say(format!(
                    "{:>12}  server-{} for {} ms",
                    "stops",
                    servers[0],
                    time.as_millis()
                ));
                let failed = self.cluster.pause_storage(servers[0]).map(|_| ());
                (servers, failed)
            }
            Strike::Kill | Strike::Pair => {
                let servers = draw.choose(all, if strike == Strike::Pair { 2 } else { 1 });
                for server in &servers {
                    self.slots[*server as usize].down(now + draw.away());
                }
                let failed = self.cluster.kill_together(&servers).map(|_| ());
                (servers, failed)
            }
        };
        failed.map_err(|error| error.to_string())?;
        if matches!(strike, Strike::Kill | Strike::Pair) {
            self.note_deaths(servers.len() as u32);
        }
        let ids: Vec<_> = servers.iter().map(|server| self.slots[*server as usize].id).collect();
        let blow = Blow::now(strike, servers, ids, self.began.elapsed());
        if strike != Strike::Pause {
            self.screen.say(format!("{:>12}  {}", "killed", blow.victims()));
        }
        self.record.blows.push(blow);
        Ok(())
    }

    fn note_deaths(&mut self, deaths: u32) {
        self.unhealed += deaths;
        self.seen = None;
        self.looked = None;
        self.slots.iter_mut().for_each(|slot| slot.is_healed = false);
    }

    /// Lets go on what has been stopped long enough, starts what has been dead long enough, notices what has ended.
    fn tend(&mut self) -> Result<(), String> {
        self.tend_coordinator()?;
        (0..self.slots.len() as u32).try_for_each(|server| self.tend_server(server))
    }

    fn tend_coordinator(&mut self) -> Result<(), String> {
        match &mut self.coordinator {
            Office::Up if self.cluster.coordinator().is_some_and(|child| !child.is_running()) => {
                let why = self.cluster.coordinator().and_then(|child| child.ended());
                Err(format!("the coordinator has ended by itself: {}", why.unwrap_or_default()))
            }
            Office::Up => Ok(()),
            Office::Down(until) if *until <= Instant::now() => {
                let cluster = self.cluster.clone();
                let start = move || cluster.start_coordinator().map_err(|error| error.to_string());
                self.coordinator = Office::Starting(thread::spawn(start));
                Ok(())
            }
            Office::Starting(starting) if starting.is_finished() => {
                let Office::Starting(starting) = std::mem::replace(&mut self.coordinator, Office::Up) else {
                    unreachable!("it was matched")
                };
                let started = starting.join().map_err(|_| "the thread that starts it panicked".to_owned());
                started
                    .and_then(|started| started)
                    .map_err(|why| format!("the coordinator does not start: {why}"))?;
                self.screen.say(format!("{:>12}  the coordinator", "restarted"));
                Ok(())
            }
            Office::Down(_) | Office::Starting(_) => Ok(()),
        }
    }

    fn tend_server(&mut self, server: u32) -> Result<(), String> {
        let now = Instant::now();
        let slot = &mut self.slots[server as usize];
        match &mut slot.state {
            State::Up => self.notice_end(server),
            State::Paused(until) if *until <= now => {
                slot.state = State::Up;
                self.cluster.resume_storage(server).map(|_| ()).map_err(|error| error.to_string())
            }
            State::Down(until) if *until <= now => {
                let cluster = self.cluster.clone();
                slot.state = State::Starting(thread::spawn(move || cluster.start_storage(server)));
                Ok(())
            }
            State::Starting(starting) if starting.is_finished() => {
                let State::Starting(starting) = std::mem::replace(&mut slot.state, State::Up) else {
                    unreachable!("it was matched")
                };
                match starting.join() {
                    Ok(Ok(id)) => {
                        (slot.id, slot.failures) = (id, 0);
                        self.screen.say(format!("{:>12}  server-{server} as {id}", "restarted"));
                        Ok(())
                    }
                    Ok(Err(_)) if slot.failures < FAILURES_MAX => {
                        slot.failures += 1;
                        slot.state = State::Down(now + START_AGAIN);
                        Ok(())
                    }
                    Ok(Err(error)) => Err(format!("server-{server} does not start again: {error}")),
                    Err(_) => Err("the thread that starts a server panicked".into()),
                }
            }
            State::Paused(_) | State::Down(_) | State::Starting(_) => Ok(()),
        }
    }

    /// A server that finds out that it is dead ends by itself. So does one that has a fault.
    fn notice_end(&mut self, server: u32) -> Result<(), String> {
        let Some(child) = self.cluster.storage(server).filter(|child| !child.is_running()) else {
            return Ok(());
        };
        let why = child.ended().unwrap_or_else(|| child.complaints());
        self.cluster.let_go(server, END_WITHIN).map_err(|error| error.to_string())?;
        let slot = &mut self.slots[server as usize];
        slot.down(Instant::now());
        let id = slot.id;
        self.screen.say(format!("{:>12}  server-{server} by itself: {why}", "ended"));
        self.record.ended.push((server, id, why));
        self.note_deaths(1);
        Ok(())
    }

    /// Looks at everybody now and then.
    fn look(&mut self) {
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK_EVERY) {
            return;
        }
        self.looked = Some(Instant::now());
        self.hear();
        self.seen = match self.coordinator {
            Office::Up => self.cluster.coordinator_report().ok(),
            _ => None,
        };
        let is_whole = self.seen.as_ref().is_some_and(|report| report.servers.iter().all(|s| !s.is_dead));
        for (server, slot) in (0..).zip(&mut self.slots) {
            if !matches!(slot.state, State::Up) {
                continue;
            }
            let Ok(report) = self.cluster.storage_report(server) else { continue };
            slot.cleaner = report.cleaner;
            slot.is_healed |= is_whole && report.is_ready && is_settled(&report);
        }
        let is_up = |slot: &Slot| matches!(slot.state, State::Up);
        if is_whole && self.slots.iter().all(|slot| is_up(slot) && slot.is_healed) {
            self.unhealed = 0;
        }
    }
}

/// Whether every segment has all its replicas, but for the head that clients write to.
fn is_settled(report: &StorageReport) -> bool {
    report.replication.unsettled <= 1
}
