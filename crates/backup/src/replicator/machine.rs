//! The state machine as a whole.

use super::{
    Action, CallId, Event, FloorOutcome, KnownHead, KnownReplica, ReplicationStats, ReplicatorConfig,
    TooFewBackups, backups::BackupSet, heads::Heads, segment::Segment,
};
use rekindle_env::Time;
use rekindle_log::{Certificate, SegmentKind};
use rekindle_types::{CreationNumber, ReplicaId, SegmentId};
use std::collections::{BTreeMap, BTreeSet};

/// Ticks that may pass at once before the rest counts as time in which the master did not run (P1).
const TICKS_COUNTED_MAX: u32 = 5;

/// What has happened so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counters {
    pub(super) lost: u64,
    pub(super) recreated: u64,
    pub(super) rejected: u64,
    pub(super) hurt: u64,
}

/// Keeps a log's segments on R backups: told what happens, says what to do. See the module's documentation.
#[derive(Clone, Debug)]
pub struct Replicator {
    pub(super) config: ReplicatorConfig,
    pub(super) segments: BTreeMap<SegmentId, Segment>,
    /// Segments that differ from what they should be; the only ones looked at in a step.
    pub(super) active: BTreeSet<SegmentId>,
    /// Closed ones that wait for their turn to be restored, those with the fewest copies first.
    pub(super) lost: BTreeSet<(usize, SegmentId)>,
    pub(super) heads: Heads,
    pub(super) floor_retry_at: Option<Time>,
    /// Until then hurt heads get their copies before other segments get theirs.
    pub(super) heads_first_until: Time,
    pub(super) backups: BackupSet,
    /// P3: one counter per master process.
    pub(super) creations: CreationNumber,
    /// Time that this master ran.
    pub(super) ran: Time,
    last_tick: Option<Time>,
    is_stopped: bool,
    pub(super) counters: Counters,
}

impl Replicator {
    /// Knows no backup and no segment yet.
    ///
    /// # Panics
    /// When the config is not valid.
    #[must_use]
    pub fn new(config: ReplicatorConfig) -> Self {
        config.validate().expect("a valid config");
        Self {
            config,
            segments: BTreeMap::new(),
            active: BTreeSet::new(),
            lost: BTreeSet::new(),
            heads: Heads::default(),
            floor_retry_at: None,
            heads_first_until: Time(0),
            backups: BackupSet::default(),
            creations: CreationNumber(0),
            ran: Time(0),
            last_tick: None,
            is_stopped: false,
            counters: Counters::default(),
        }
    }

    /// Takes what happened and returns what to do, in this order. Only [`Event::Tick`] reads `now`.
    #[must_use]
    pub fn step(&mut self, now: Time, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.is_stopped {
            return actions;
        }
        self.take(now, event, &mut actions);
        if self.is_stopped {
            actions.push(Action::Stop);
        } else {
            self.advance(&mut actions);
        }
        actions
    }

    /// How it does.
    #[must_use]
    pub fn stats(&self) -> ReplicationStats {
        let (have, need) = (self.backups.len(), self.config.replicas);
        let heads = || self.heads.iter().filter_map(|head| self.segments.get(&head));
        ReplicationStats {
            segments: self.segments.len(),
            unsettled: self.active.len() + self.lost.len(),
            calls: self.backups.calls(),
            lost: self.counters.lost,
            recreated: self.counters.recreated,
            rejected: self.counters.rejected,
            hurt: self.counters.hurt,
            opening: self.opening(),
            hurt_heads: heads().filter(|head| head.is_hurt()).count(),
            heads_waiting: heads().count().saturating_sub(1),
            is_floor_asked: self.heads.floor_call.is_some(),
            current: self.heads.current(),
            floor: self.heads.floor,
            too_few: (have < need).then_some(TooFewBackups { have, need }),
        }
    }

    /// Heads behind the first of the chain: that one was open on all, but for the log's first.
    fn opening(&self) -> usize {
        let waiting = self.heads.iter().skip(1).filter_map(|id| self.segments.get(&id));
        let is_opening = |segment: &&Segment| {
            let is_asked = segment.replicas.iter().any(|replica| replica.attempts > 0);
            is_asked && !segment.is_open_told && !segment.is_open_on(self.config.replicas)
        };
        waiting.filter(is_opening).count()
    }

    /// Every replica that it knows of, by segment.
    pub fn replicas(&self) -> impl Iterator<Item = KnownReplica> + '_ {
        let log = self.config.log;
        self.segments.iter().flat_map(move |(segment, known)| {
            let of = move |backup, creation, is_needed| {
                let replica = ReplicaId { log, segment: *segment, creation };
                KnownReplica { backup, replica, is_needed }
            };
            let needed = known.replicas.iter().map(move |r| of(r.server, r.creation, !known.is_free_wanted));
            needed.chain(known.garbage.iter().map(move |r| of(r.server, r.creation, false)))
        })
    }

    /// Every head that no complete switch has left, in their order.
    pub fn heads(&self) -> impl Iterator<Item = KnownHead> + '_ {
        let known = self.heads.iter().filter_map(|id| Some((id, self.segments.get(&id)?)));
        known.map(|(segment, head)| KnownHead {
            segment,
            was_open: head.is_open_told || head.is_open_on(self.config.replicas),
            is_closing: head.is_closing(),
            certified: head.certified(self.config.replicas),
        })
    }

    fn take(&mut self, now: Time, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::Open { segment, after, kind, cert } => self.open(segment, after, kind, cert),
            Event::Append { segment, cert } => {
                self.extend(segment, cert, false);
                self.repeat_acknowledgement(segment, cert, actions);
            }
            Event::Close { segment, cert } => self.extend(segment, cert, true),
            Event::Free { segment } => self.free(segment, actions),
            Event::Answered { call, outcome } => self.answered(call, outcome, actions),
            Event::Expired { call } => self.expired(call, actions),
            Event::Servers { is_member: false, .. } => self.is_stopped = true,
            Event::Servers { up, .. } => {
                for server in self.backups.update(&up) {
                    self.server_gone(server, actions);
                }
            }
            Event::ReadRate { server, bytes_per_second } => {
                if let Some(backup) = self.backups.get_mut(server) {
                    backup.read_rate = bytes_per_second;
                }
            }
            Event::Floor { floor, outcome } => self.floor_answered(floor, outcome),
            Event::Tick => self.tick(now, actions),
        }
    }

    fn open(&mut self, id: SegmentId, after: Option<SegmentId>, kind: SegmentKind, cert: Certificate) {
        debug_assert!(!self.segments.contains_key(&id), "ids are never used twice (C6)");
        if kind == SegmentKind::Head {
            debug_assert_eq!(after, self.heads.newest(), "heads are opened one behind the other");
            self.heads.push(id);
        }
        self.segments.insert(id, Segment::new(kind, cert));
        self.active.insert(id);
    }

    fn extend(&mut self, id: SegmentId, cert: Certificate, close: bool) {
        let Some(segment) = self.segments.get_mut(&id) else { return };
        debug_assert!(!segment.is_close_wanted, "nothing follows a close");
        debug_assert!(cert.length >= segment.target.length, "segments only grow");
        segment.target = cert;
        segment.is_close_wanted = close;
        self.active.insert(id);
    }

    /// An append of nothing new is acknowledged at once.
    fn repeat_acknowledgement(&self, segment: SegmentId, cert: Certificate, actions: &mut Vec<Action>) {
        match self.segments.get(&segment) {
            Some(known) if known.acknowledged >= cert.length => {
                actions.push(Action::Acknowledged { segment, upto: known.acknowledged });
            }
            _ => {}
        }
    }

    fn free(&mut self, id: SegmentId, actions: &mut Vec<Action>) {
        if !self.segments.contains_key(&id) {
            return actions.push(Action::Freed(id));
        }
        self.deactivate(id);
        self.segments.get_mut(&id).expect("just seen").is_free_wanted = true;
        self.active.insert(id);
    }

    fn floor_answered(&mut self, floor: SegmentId, outcome: FloorOutcome) {
        if self.heads.floor_call == Some(floor) {
            self.heads.floor_call = None;
        }
        match outcome {
            FloorOutcome::Stored => self.heads.floor = self.heads.floor.max(Some(floor)),
            FloorOutcome::Fenced => self.is_stopped = true,
            // H3: repeated until answered.
            FloorOutcome::Unknown => self.floor_retry_at = Some(self.ran + self.config.retry_after),
        }
    }

    /// Lets time pass, but no more of it than this master itself can have run (P1).
    fn tick(&mut self, now: Time, actions: &mut Vec<Action>) {
        let passed = self.last_tick.map_or_else(Default::default, |last| now.since(last));
        self.last_tick = Some(now);
        self.ran = self.ran + passed.min(self.config.tick * TICKS_COUNTED_MAX);
        self.backups.tick(self.ran);
        for call in self.overdue() {
            self.expired(call, actions);
        }
    }

    fn overdue(&self) -> Vec<CallId> {
        let is_over = |since: Option<Time>| {
            since.is_some_and(|since| self.ran.since(since) >= self.config.replica_timeout)
        };
        let mut overdue = Vec::new();
        for segment in &self.active {
            let known = &self.segments[segment];
            let writes = known.replicas.iter().map(|r| (r.creation, r.call, r.since));
            let frees = known.garbage.iter().map(|g| (g.creation, g.call, g.since));
            for (creation, call, since) in writes.chain(frees) {
                if let (Some(call), true) = (call, is_over(since)) {
                    overdue.push(CallId { segment: *segment, creation, attempt: call.attempt });
                }
            }
        }
        overdue
    }

    /// Makes everything happen that can.
    fn advance(&mut self, actions: &mut Vec<Action>) {
        while self.complete_switch(actions) {}
        self.promote();
        // Heads first: they are what callers wait for.
        let heads: Vec<SegmentId> = self.heads.iter().collect();
        let others: Vec<SegmentId> = self.active.iter().filter(|id| !heads.contains(id)).copied().collect();
        for id in heads.into_iter().chain(others) {
            self.plan(id, actions);
            if self.report(id, actions) {
                self.segments.remove(&id);
                self.active.remove(&id);
            } else if self.is_settled(id, self.config.replicas) {
                self.active.remove(&id);
            } else if self.is_settled(id, self.reach()) {
                // Too few backups for more.
                self.active.remove(&id);
                self.activate(id);
            }
        }
    }

    /// Starts to restore the most urgent segments, a few at a time; but first hurt heads get their copies alone.
    fn promote(&mut self) {
        if self.lost.is_empty() || self.are_heads_first() {
            return;
        }
        let reach = self.reach();
        let is_restoring = |id: &&SegmentId| self.segments[id].is_restoring(reach);
        let mut restoring = self.active.iter().filter(is_restoring).count();
        while restoring < self.config.recreations_max
            && let Some(&(copies, id)) = self.lost.first()
            && copies < reach
        {
            self.lost.pop_first();
            self.active.insert(id);
            restoring += 1;
        }
    }

    /// Replicas that each segment can have now.
    fn reach(&self) -> usize {
        self.config.replicas.min(self.backups.len())
    }

    /// What was written to hurt heads is acknowledged only with their copies (H5). But those may be impossible for
    /// lack of backups, or take long, and other segments must not be without theirs for that.
    pub(super) fn are_heads_first(&self) -> bool {
        let is_waiting = |id| {
            let head: &Segment = &self.segments[&id];
            head.is_hurt() && !head.is_closed_on(self.config.replicas)
        };
        self.ran < self.heads_first_until
            && self.reach() == self.config.replicas
            && self.heads.iter().any(is_waiting)
    }

    fn is_settled(&self, id: SegmentId, replicas: usize) -> bool {
        let segment = &self.segments[&id];
        segment.is_closed_on(replicas)
            && segment.garbage.is_empty()
            && !segment.is_free_wanted
            && (segment.kind == SegmentKind::Side || self.heads.is_past(id))
    }

    /// Takes the segment off the queue of those to be restored; its count of copies is about to change.
    pub(super) fn deactivate(&mut self, id: SegmentId) {
        let copies = self.segments[&id].copies();
        self.lost.remove(&(copies, id));
    }

    /// Looks at the segment from now on, or queues it to be restored.
    pub(super) fn activate(&mut self, id: SegmentId) {
        if self.active.contains(&id) {
            return;
        }
        let copies = self.segments[&id].copies();
        self.lost.insert((copies, id));
    }
}
