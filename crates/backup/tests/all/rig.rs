//! A replicator alone: the test answers its calls.

use rekindle_backup::replicator::{
    Action, Candidate, Domain, Event, FloorOutcome, FreeCall, Outcome, Refusal, Replicator, ReplicatorConfig,
    WriteCall,
};
use rekindle_env::Time;
use rekindle_log::{Certificate, SegmentKind};
use rekindle_types::{LogId, SegmentId, ServerId};
use std::{collections::BTreeMap, time::Duration};

pub struct Rig {
    machine: Replicator,
    up: Vec<u64>,
    now: Time,
    lengths: BTreeMap<u64, u32>,
    /// Writes that wait for an answer.
    pub writes: Vec<WriteCall>,
    /// Frees that wait for an answer.
    pub frees: Vec<FreeCall>,
    /// Everything else, since it was last looked at.
    pub told: Vec<Action>,
}

pub const OPEN_BYTES: u32 = 10;

impl Rig {
    /// Backups 1, 2, ..; R = 2.
    pub fn with_backups(backups: u64) -> Self {
        Self::with(backups, |_| {})
    }

    pub fn with(backups: u64, change: impl FnOnce(&mut ReplicatorConfig)) -> Self {
        let mut config = ReplicatorConfig::new(LogId::of(ServerId(0)), 2, 8 << 20);
        change(&mut config);
        let mut rig = Self {
            machine: Replicator::new(config),
            up: (1..=backups).collect(),
            now: Time(0),
            lengths: BTreeMap::new(),
            writes: Vec::new(),
            frees: Vec::new(),
            told: Vec::new(),
        };
        rig.step(Event::Tick);
        rig.tell_servers();
        rig
    }

    /// With its first head open, recorded and current.
    pub fn opened(mut self) -> Self {
        self.open(1, None);
        self.answer_all();
        self.floor(1, FloorOutcome::Stored);
        self.told.clear();
        self
    }

    pub fn open(&mut self, segment: u64, after: Option<u64>) -> &mut Self {
        self.open_as(segment, after, SegmentKind::Head)
    }

    pub fn open_as(&mut self, segment: u64, after: Option<u64>, kind: SegmentKind) -> &mut Self {
        self.lengths.insert(segment, OPEN_BYTES);
        let after = after.map(SegmentId);
        self.step(Event::Open { segment: SegmentId(segment), after, kind, cert: cert(OPEN_BYTES) });
        self
    }

    pub fn append(&mut self, segment: u64, bytes: u32) -> &mut Self {
        let length = self.lengths.get_mut(&segment).unwrap();
        *length += bytes;
        let cert = cert(*length);
        self.step(Event::Append { segment: SegmentId(segment), cert });
        self
    }

    pub fn close(&mut self, segment: u64) -> &mut Self {
        let cert = cert(self.lengths[&segment]);
        self.step(Event::Close { segment: SegmentId(segment), cert });
        self
    }

    pub fn free(&mut self, segment: u64) -> &mut Self {
        self.step(Event::Free { segment: SegmentId(segment) });
        self
    }

    /// Answers a write.
    pub fn answer(&mut self, write: WriteCall, outcome: Outcome) -> &mut Self {
        self.writes.retain(|w| w.call != write.call);
        self.step(Event::Answered { call: write.call, outcome });
        self
    }

    /// Answers everything with ok until nothing is asked any more.
    pub fn answer_all(&mut self) -> &mut Self {
        loop {
            if let Some(write) = self.writes.first().copied() {
                self.answer(write, Outcome::Ok);
            } else if !self.frees.is_empty() {
                let free = self.frees.remove(0);
                self.step(Event::Answered { call: free.call, outcome: Outcome::Ok });
            } else {
                return self;
            }
        }
    }

    /// Answers the writes of one segment that are in flight now.
    pub fn answer_now(&mut self, segment: u64) -> &mut Self {
        for write in self.writes_of(segment) {
            self.answer(write, Outcome::Ok);
        }
        self
    }

    pub fn floor(&mut self, floor: u64, outcome: FloorOutcome) -> &mut Self {
        self.step(Event::Floor { floor: SegmentId(floor), outcome });
        self
    }

    /// The floor that a hurt head's switch waits for is stored.
    pub fn step_floor(&mut self, floor: u64) -> &mut Self {
        assert!(self.was_told(&Action::StoreFloor(SegmentId(floor))), "it was asked for");
        self.floor(floor, FloorOutcome::Stored)
    }

    /// A switch to a new head, complete.
    pub fn switched(&mut self, from: u64, to: u64) -> &mut Self {
        self.open(to, Some(from)).close(from).answer_all();
        self
    }

    /// The list says that the server is dead.
    pub fn lose(&mut self, server: ServerId) -> &mut Self {
        self.up.retain(|up| *up != server.0);
        self.writes.retain(|w| w.server != server);
        self.frees.retain(|f| f.server != server);
        self.tell_servers();
        self
    }

    /// The list says that a server has joined.
    pub fn gain(&mut self, server: ServerId) -> &mut Self {
        self.up.push(server.0);
        self.tell_servers();
        self
    }

    /// Time passes in ticks.
    pub fn pass(&mut self, duration: Duration) -> &mut Self {
        let end = self.now + duration;
        while self.now < end {
            self.now = self.now + Duration::from_millis(20);
            self.step(Event::Tick);
        }
        self
    }

    /// Time passes without the master.
    pub fn stall(&mut self, duration: Duration) -> &mut Self {
        self.now = self.now + duration;
        self.step(Event::Tick);
        self
    }

    pub fn writes_of(&self, segment: u64) -> Vec<WriteCall> {
        self.writes.iter().filter(|w| w.replica.segment.0 == segment).copied().collect()
    }

    /// Servers that the segment is being written to.
    pub fn servers_of(&self, segment: u64) -> Vec<ServerId> {
        self.writes_of(segment).iter().map(|w| w.server).collect()
    }

    pub fn was_told(&self, action: &Action) -> bool {
        self.told.contains(action)
    }

    /// The highest acknowledgement told for a segment.
    pub fn acknowledged(&self, segment: u64) -> Option<u32> {
        self.told.iter().rev().find_map(|action| match action {
            Action::Acknowledged { segment: id, upto } if id.0 == segment => Some(*upto),
            _ => None,
        })
    }

    pub fn stats(&self) -> rekindle_backup::ReplicationStats {
        self.machine.stats()
    }

    /// Heads that no complete switch has left: which, whether they were open on all, are being closed, and the bytes that
    /// are on all.
    pub fn heads(&self) -> Vec<(u64, bool, bool, u32)> {
        self.machine.heads().map(|h| (h.segment.0, h.was_open, h.is_closing, h.certified)).collect()
    }

    fn tell_servers(&mut self) {
        let member = |id: &u64| Candidate { server: ServerId(*id), domain: Domain(*id as u32) };
        self.step(Event::Servers { up: self.up.iter().map(member).collect(), is_member: true });
    }

    fn step(&mut self, event: Event) {
        for action in self.machine.step(self.now, event) {
            match action {
                Action::Write(call) => self.writes.push(call),
                Action::Free(call) => self.frees.push(call),
                Action::Abandon(call) => {
                    self.writes.retain(|w| w.call != call);
                    self.frees.retain(|f| f.call != call);
                }
                other => self.told.push(other),
            }
        }
    }
}

pub const NO_ROOM: Outcome = Outcome::Refused(Refusal::NoRoom);

fn cert(length: u32) -> Certificate {
    Certificate { length, checksum: 0 }
}
