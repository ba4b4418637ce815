//! The world around a replicator, one move at a time.

use super::{Flight, FloorFlight, ModelLog, ModelStore, Move, Sent};
use crate::replicator::{
    Action, CallId, Candidate, Domain, Event, FloorOutcome, Outcome, Replicator, ReplicatorConfig,
};
use rekindle_env::Time;
use rekindle_log::SegmentKind;
use rekindle_types::{CreationNumber, LogId, Rules, SegmentId, ServerId};
use std::{collections::BTreeMap, time::Duration};

/// What may happen in a model.
#[derive(Clone, Copy, Debug)]
pub struct ModelConfig {
    /// Backups.
    pub backups: usize,
    /// R.
    pub replicas: usize,
    /// Heads that the log allocates without being asked to.
    pub heads: usize,
    /// Appends to each head.
    pub appends: u32,
    /// Whether digests leave out past heads, which are freed then.
    pub is_cleaning: bool,
    /// Crashes, and calls whose outcome stays unknown, together.
    pub losses: u32,
    /// Replicas that a backup has room for.
    pub frames: usize,
    /// Bytes of a write: 1 splits every append in two.
    pub chunk_bytes: u32,
    /// Of the placement.
    pub seed: u64,
    /// Rules in force.
    pub rules: Rules,
}

impl ModelConfig {
    /// Room for everything, no cleaning, one append per head.
    #[must_use]
    pub fn new(backups: usize, replicas: usize, heads: usize, losses: u32) -> Self {
        let (appends, is_cleaning, frames, chunk_bytes, seed) = (1, false, usize::MAX, 1 << 20, 0);
        let rules = Rules::default();
        Self { backups, replicas, heads, appends, is_cleaning, losses, frames, chunk_bytes, seed, rules }
    }
}

/// The whole world: cloned for every branch.
#[derive(Clone, Debug)]
pub struct Model {
    pub(super) config: ModelConfig,
    /// The one that is tried.
    pub machine: Replicator,
    /// The log whose segments it keeps.
    pub log: ModelLog,
    /// Backup `i` is server `i + 1`.
    pub stores: Vec<ModelStore>,
    /// The coordinator's.
    pub floor: Option<SegmentId>,
    /// Calls on their way.
    pub flights: BTreeMap<CallId, Flight>,
    /// Calls to the coordinator.
    pub floor_flights: Vec<FloorFlight>,
    /// Crashes that the master does not know of.
    untold: Vec<usize>,
    losses: u32,
    /// Calls to dead backups that were given up before the master knew.
    unanswered: u32,
    now: Time,
}

const TICK: Duration = Duration::from_millis(20);

impl std::fmt::Display for ModelConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { backups, replicas, heads, losses, seed, .. } = self;
        write!(f, "{backups} backups, R = {replicas}, {heads} heads, {losses} losses, seed {seed}")?;
        f.write_str(if self.is_cleaning { ", cleaning" } else { "" })?;
        f.write_str(if self.chunk_bytes == 1 { ", chunked" } else { "" })
    }
}

impl Model {
    /// What may happen in it.
    #[must_use]
    pub fn config(&self) -> ModelConfig {
        self.config
    }

    /// A log whose first head is about to be opened.
    #[must_use]
    pub fn new(config: ModelConfig) -> Self {
        let mut settings = ReplicatorConfig::new(LogId::of(ServerId(0)), config.replicas, 1 << 20);
        (settings.tick, settings.retry_after, settings.avoid_for) = (TICK, TICK, TICK);
        (settings.chunk_bytes, settings.seed, settings.rules) =
            (config.chunk_bytes, config.seed, config.rules);
        let store = ModelStore { frames: config.frames, ..ModelStore::default() };
        let mut model = Self {
            config,
            machine: Replicator::new(settings),
            log: ModelLog::default(),
            stores: vec![store; config.backups],
            floor: None,
            flights: BTreeMap::new(),
            floor_flights: Vec::new(),
            untold: Vec::new(),
            losses: 0,
            unanswered: 0,
            now: Time(0),
        };
        model.step(Event::Tick);
        model.tell_servers();
        model.open(None);
        model
    }

    /// Everything that can happen now. Those that must happen some time come first.
    #[must_use]
    pub fn moves(&self) -> Vec<Move> {
        let mut moves = self.due_moves();
        if self.log.newest().appends < self.config.appends {
            moves.push(Move::Append);
        }
        if self.log.heads.len() < self.config.heads && self.log.waiting() < 2 && !self.log.is_roll_asked {
            moves.push(Move::Roll);
        }
        let late = self.flights.iter().filter(|(_, f)| !f.is_awaited && !self.stores[f.backup()].is_dead);
        moves.extend(late.map(|(id, _)| Move::Run(*id)));
        moves.extend(self.losses());
        moves
    }

    /// What happens some time in a world without losses and without new wishes of the log.
    #[must_use]
    pub fn due_moves(&self) -> Vec<Move> {
        let mut moves = Vec::new();
        for (id, flight) in self.flights.iter().filter(|(_, f)| f.is_awaited) {
            match flight.outcome {
                Some(_) => moves.push(Move::Answer(*id)),
                None if self.stores[flight.backup()].is_dead => {}
                None => moves.push(Move::Run(*id)),
            }
        }
        for (at, flight) in self.floor_flights.iter().enumerate() {
            moves.push(if flight.is_run { Move::AnswerFloor(at) } else { Move::RunFloor(at) });
        }
        moves.extend(self.untold.iter().map(|at| Move::Tell(*at)));
        if self.log.is_roll_asked && self.log.waiting() < 2 {
            moves.push(Move::Roll);
        }
        moves.extend(self.log.freeable().map(Move::Free));
        if self.machine.is_waiting_for_time() {
            moves.push(Move::Tick);
        }
        moves
    }

    fn losses(&self) -> Vec<Move> {
        let mut moves = Vec::new();
        for (id, flight) in self.flights.iter().filter(|(_, f)| f.is_awaited) {
            // Nobody answers for a dead backup: that is part of the crash. Later calls wait for the list.
            let is_dead = self.stores[flight.backup()].is_dead;
            if (if is_dead { self.unanswered } else { self.losses }) < self.config.losses {
                moves.extend([Move::Expire(*id), Move::Break(*id)]);
            }
        }
        if self.losses < self.config.losses {
            let awaited = self.floor_flights.iter().enumerate().filter(|(_, f)| f.is_awaited);
            moves.extend(awaited.map(|(at, _)| Move::BreakFloor(at)));
            let up = self.stores.iter().enumerate().filter(|(_, store)| !store.is_dead);
            moves.extend(up.map(|(at, _)| Move::Crash(at)));
        }
        moves
    }

    /// Makes a move.
    ///
    /// # Panics
    /// When it is not possible now.
    pub fn make(&mut self, what: Move) {
        match what {
            Move::Append => self.append(),
            Move::Roll => {
                let closed = self.log.newest().id;
                self.open(Some(closed));
                let cert = ModelLog::cert(self.log.head(closed).expect("just seen").length);
                self.step(Event::Close { segment: closed, cert });
            }
            Move::Free(segment) => {
                self.log.head_mut(segment).is_free_asked = true;
                self.step(Event::Free { segment });
            }
            Move::Run(call) => self.run(call),
            Move::Answer(call) => {
                let flight = self.flights.remove(&call).expect("it is on its way");
                let outcome = flight.outcome.expect("it has run");
                self.step(Event::Answered { call, outcome });
            }
            Move::Expire(call) => {
                self.give_up(call);
                self.step(Event::Expired { call });
            }
            Move::Break(call) => {
                self.give_up(call);
                self.step(Event::Answered { call, outcome: Outcome::Unknown });
            }
            Move::RunFloor(at) => {
                let flight = &mut self.floor_flights[at];
                flight.is_run = true;
                self.floor = self.floor.max(Some(flight.floor));
                if !flight.is_awaited {
                    self.floor_flights.remove(at);
                }
            }
            Move::AnswerFloor(at) => {
                let floor = self.floor_flights.remove(at).floor;
                self.step(Event::Floor { floor, outcome: FloorOutcome::Stored });
            }
            Move::BreakFloor(at) => {
                self.losses += 1;
                let flight = &mut self.floor_flights[at];
                (flight.is_awaited, flight.is_run) = (false, false);
                let floor = flight.floor;
                self.step(Event::Floor { floor, outcome: FloorOutcome::Unknown });
            }
            Move::Crash(at) => {
                self.losses += 1;
                self.stores[at] = ModelStore { is_dead: true, ..ModelStore::default() };
                self.flights.retain(|_, f| f.is_awaited || f.backup() != at);
                self.untold.push(at);
            }
            Move::Tell(at) => {
                self.untold.retain(|untold| *untold != at);
                self.tell_servers();
                self.flights.retain(|_, f| f.backup() != at);
            }
            Move::Tick => {
                self.now = self.now + TICK;
                self.step(Event::Tick);
            }
        }
    }

    /// Makes due moves until there are none: how the world goes on when nothing more is lost.
    pub fn settle(&mut self) -> Result<(), String> {
        const MOVES_MAX: u32 = 1_000;
        for _ in 0..MOVES_MAX {
            let Some(due) = self.due_moves().first().copied() else { return self.check_settled() };
            self.make(due);
        }
        Err("it never comes to rest".into())
    }

    /// As [`Model::settle`], with every recovery on the way checked.
    pub fn settle_checked(&mut self) -> Result<(), String> {
        const MOVES_MAX: u32 = 1_000;
        for _ in 0..MOVES_MAX {
            self.check()?;
            let Some(due) = self.due_moves().first().copied() else { return self.check_settled() };
            self.make(due);
        }
        Err("it never comes to rest".into())
    }

    /// The calls about a segment that the master waits for and that have not run, by backup.
    #[must_use]
    pub fn calls(&self, segment: u64) -> Vec<CallId> {
        let is_waiting = |flight: &Flight| flight.is_awaited && flight.outcome.is_none();
        let calls = self.flights.iter().filter(|(id, flight)| id.segment.0 == segment && is_waiting(flight));
        calls.map(|(id, _)| *id).collect()
    }

    /// Brings a call to its backup and the answer back.
    pub fn carry(&mut self, call: CallId) {
        self.make(Move::Run(call));
        self.make(Move::Answer(call));
    }

    /// Carries all calls about a segment that are in flight now, but none that follow from them.
    pub fn carry_all(&mut self, segment: u64) {
        for call in self.calls(segment) {
            self.carry(call);
        }
    }

    /// Without anything due all must be well, unless backups are too few.
    pub fn check_settled(&self) -> Result<(), String> {
        if self.stores.iter().filter(|store| !store.is_dead).count() < self.config.replicas {
            return Ok(());
        }
        for head in &self.log.heads {
            let is_newest = head.id == self.log.newest().id;
            if !head.is_open || head.is_past == is_newest {
                return Err(format!("stuck: {head:?}"));
            }
            if head.length > ModelLog::OPEN_BYTES && head.acknowledged < head.length {
                return Err(format!("stuck: not acknowledged: {head:?}"));
            }
            let is_held = self.stores.iter().any(|store| store.holds(head.id));
            if head.is_free_asked && (!head.is_freed || is_held) {
                return Err(format!("stuck: not freed: {head:?}"));
            }
        }
        Ok(())
    }

    fn append(&mut self) {
        let segment = self.log.newest().id;
        let head = self.log.head_mut(segment);
        head.length += ModelLog::APPEND_BYTES;
        head.appends += 1;
        let cert = ModelLog::cert(head.length);
        self.step(Event::Append { segment, cert });
    }

    fn open(&mut self, after: Option<SegmentId>) {
        let segment = self.log.push(self.config.is_cleaning);
        let cert = ModelLog::cert(ModelLog::OPEN_BYTES);
        self.step(Event::Open { segment, after, kind: SegmentKind::Head, cert });
    }

    fn run(&mut self, call: CallId) {
        let flight = self.flights.get_mut(&call).expect("it is on its way");
        let store = &mut self.stores[flight.backup()];
        let outcome = match flight.sent {
            Sent::Write(write) => store.write(&write),
            Sent::Free(free) => store.free(&free),
        };
        flight.outcome = Some(outcome);
        if !flight.is_awaited {
            self.flights.remove(&call);
        }
    }

    /// The master waits no longer; the call may run yet, if it has not and its backup lives.
    fn give_up(&mut self, call: CallId) {
        let flight = self.flights.get_mut(&call).expect("it is on its way");
        flight.is_awaited = false;
        let is_dead = self.stores[flight.backup()].is_dead;
        let is_over = flight.outcome.is_some() || is_dead;
        self.losses += u32::from(!is_dead);
        self.unanswered += u32::from(is_dead);
        if is_over {
            self.flights.remove(&call);
        }
    }

    fn tell_servers(&mut self) {
        let up = (0..self.stores.len())
            .filter(|at| !self.stores[*at].is_dead || self.untold.contains(at))
            .map(|at| Candidate { server: ServerId(at as u64 + 1), domain: Domain(at as u32) })
            .collect();
        self.step(Event::Servers { up, is_member: true });
    }

    fn step(&mut self, event: Event) {
        for action in self.machine.step(self.now, event) {
            match action {
                Action::Write(call) => self.send(call.call, Sent::Write(call)),
                Action::Free(call) => self.send(call.call, Sent::Free(call)),
                Action::StoreFloor(floor) => {
                    self.floor_flights.push(FloorFlight { floor, is_run: false, is_awaited: true });
                }
                Action::Abandon(call) => {
                    if let Some(flight) = self.flights.get_mut(&call) {
                        flight.is_awaited = false;
                    }
                    self.flights.retain(|_, f| f.is_awaited || f.outcome.is_none());
                }
                other => self.log.told(&other),
            }
        }
    }

    fn send(&mut self, call: CallId, sent: Sent) {
        let before = self.flights.insert(call, Flight { sent, outcome: None, is_awaited: true });
        assert!(before.is_none(), "call ids are never used twice");
    }

    /// The state as words: equal words, equal futures (but for the names of creations and calls).
    pub fn encode(&self, out: &mut Vec<u32>) {
        let mut creations: Vec<(SegmentId, CreationNumber)> = self.machine.creations().collect();
        creations.extend(self.flights.keys().map(|call| (call.segment, call.creation)));
        for store in &self.stores {
            for (id, slot) in &store.slots {
                creations.extend(slot.listed.iter().chain(&slot.staged).map(|r| (*id, r.creation)));
            }
        }
        creations.sort_unstable();
        creations.dedup();
        let rank = |segment, creation| {
            let first = creations.partition_point(|(id, _)| *id < segment);
            let at = creations.partition_point(|known| *known < (segment, creation));
            (at - first) as u32
        };
        self.machine.encode(&rank, out);
        self.encode_log(out);
        self.encode_stores(&rank, out);
        self.encode_flights(&rank, out);
    }

    fn encode_log(&self, out: &mut Vec<u32>) {
        out.extend([self.losses, self.unanswered]);
        out.extend([self.floor.map_or(0, |f| f.0 as u32), u32::from(self.log.is_roll_asked)]);
        for head in &self.log.heads {
            let flags = [head.is_open, head.is_past, head.is_free_asked, head.is_freed];
            let flags: u32 = flags.iter().enumerate().map(|(bit, on)| u32::from(*on) << bit).sum();
            out.extend([head.length, head.acknowledged, flags, head.digest.len() as u32]);
        }
    }

    fn encode_stores(&self, rank: &impl Fn(SegmentId, CreationNumber) -> u32, out: &mut Vec<u32>) {
        for (at, store) in self.stores.iter().enumerate() {
            let flags = u32::from(store.is_dead) | u32::from(self.untold.contains(&at)) << 1;
            out.extend([u32::MAX - 2, store.session.0 as u32, flags]);
            for (id, slot) in &store.slots {
                let replicas = [(0, &slot.listed), (1, &slot.staged)];
                for (place, replica) in replicas.iter().filter_map(|(p, r)| r.as_ref().map(|r| (p, r))) {
                    let valid = replica.valid.map_or(0, |valid| valid + 1);
                    let flags = place | u32::from(replica.is_closed) << 1 | (replica.fill as u32) << 2;
                    out.extend([id.0 as u32, rank(*id, replica.creation), flags, replica.have, valid]);
                }
            }
        }
    }

    fn encode_flights(&self, rank: &impl Fn(SegmentId, CreationNumber) -> u32, out: &mut Vec<u32>) {
        for (id, flight) in &self.flights {
            let outcome = match flight.outcome {
                None => 0,
                Some(Outcome::Ok) => 1,
                Some(Outcome::Refused(why)) => 2 + why as u32,
                Some(Outcome::Unknown) => u32::MAX,
            };
            out.extend([u32::MAX - 3, id.segment.0 as u32, rank(id.segment, id.creation), outcome]);
            out.extend([flight.backup() as u32, u32::from(flight.is_awaited)]);
            match flight.sent {
                Sent::Write(call) => {
                    let cert = call.certificate.map_or(0, |c| c.length + 1);
                    let open = call.open.map_or(0, |fill| fill as u32 + 1);
                    out.extend([
                        open,
                        call.session.0 as u32,
                        call.from,
                        call.to,
                        cert,
                        u32::from(call.close),
                    ]);
                }
                Sent::Free(call) => out.extend([u32::MAX, call.session.0 as u32]),
            }
        }
        for flight in &self.floor_flights {
            out.extend([flight.floor.0 as u32, u32::from(flight.is_run), u32::from(flight.is_awaited)]);
        }
    }
}
