//! What follows from the end of a call, or from the lack of an end.

use super::{Action, CallId, Outcome, Refusal, Replicator, backups::CallKind, replica::Garbage};
use rekindle_log::SegmentKind;
use rekindle_types::{ReplicaId, Rule, SegmentId, ServerId, SessionNumber};

impl Replicator {
    pub(super) fn answered(&mut self, call: CallId, outcome: Outcome, actions: &mut Vec<Action>) {
        if let Some(at) = self.find_write(call) {
            self.write_answered(call.segment, at, outcome, actions);
        } else if let Some(at) = self.find_free(call) {
            self.free_answered(call.segment, at, outcome, actions);
        }
        // Anything else is a late answer of a call that nobody waits for: ignored.
    }

    /// P1: no answer for too long.
    pub(super) fn expired(&mut self, call: CallId, actions: &mut Vec<Action>) {
        if let Some(at) = self.find_write(call) {
            let replica = &self.segments[&call.segment].replicas[at];
            let (server, session) = (replica.server, replica.call.expect("it was found by its call").session);
            self.end_session(server, session);
            self.lose(call.segment, at, actions);
        } else if let Some(at) = self.find_free(call) {
            actions.push(Action::Abandon(call));
            self.free_answered(call.segment, at, Outcome::Unknown, actions);
        }
    }

    fn find_write(&self, call: CallId) -> Option<usize> {
        self.segments
            .get(&call.segment)?
            .replicas
            .iter()
            .position(|r| r.creation == call.creation && r.call.is_some_and(|c| c.attempt == call.attempt))
    }

    fn find_free(&self, call: CallId) -> Option<usize> {
        self.segments
            .get(&call.segment)?
            .garbage
            .iter()
            .position(|g| g.creation == call.creation && g.call.is_some_and(|c| c.attempt == call.attempt))
    }

    fn write_answered(&mut self, id: SegmentId, at: usize, outcome: Outcome, actions: &mut Vec<Action>) {
        let (ran, config) = (self.ran, self.config);
        let segment = self.segments.get_mut(&id).expect("found before");
        let replica = &mut segment.replicas[at];
        let call = replica.call.take().expect("found by its call");
        self.backups.end_call(replica.server, CallKind::of_write(replica.is_copy));
        let server = replica.server;
        let is_patient = replica.since.is_some_and(|since| ran.since(since) < config.replica_timeout);
        match outcome {
            Outcome::Ok => {
                replica.is_begun = true;
                replica.have = replica.have.max(call.to);
                replica.valid = call.valid.or(replica.valid);
                replica.is_closed |= call.close;
                (replica.since, replica.retry_at) = (None, None);
                if call.close && replica.is_copy {
                    self.counters.recreated += 1;
                    actions.push(Action::Unpin(self.replica_id(id, at)));
                }
                self.forget_replaced(id, at);
            }
            Outcome::Refused(Refusal::Fenced) => {
                (replica.since, replica.retry_at) = (None, Some(ran + config.retry_after));
                actions.push(Action::VerifyMembership);
            }
            Outcome::Refused(Refusal::StaleSession) => {
                replica.retry_at = Some(ran + config.retry_after);
                self.end_session(server, call.session);
            }
            // Else a few of these keep every backup from new heads for a while.
            Outcome::Refused(Refusal::NoBytes) => {
                (replica.since, replica.retry_at) = (None, Some(ran + config.retry_after));
            }
            // P1: it may have been written before the store failed, and come back with the store's next start: as after
            // an unknown outcome. Taken for not done, an open replica that comes back would pass for the head.
            Outcome::Refused(Refusal::Poisoned) => self.lose(id, at, actions),
            // Surely not done: no loss of anything, another backup.
            Outcome::Refused(why) if !replica.is_begun => self.reject(id, at, why, actions),
            Outcome::Refused(Refusal::NotReady | Refusal::NotDone) if is_patient => {
                replica.retry_at = Some(ran + config.retry_after);
            }
            Outcome::Unknown => {
                let is_lost = replica.is_opening() || !is_patient;
                replica.retry_at = Some(ran + config.retry_after);
                self.end_session(server, call.session);
                // P1: the unknown outcome of an open loses the replica; others are repeated for a while.
                if is_lost {
                    self.lose(id, at, actions);
                }
            }
            Outcome::Refused(_) => self.lose(id, at, actions),
        }
    }

    /// A newer creation on a backup has replaced older ones of its segment (P3).
    fn forget_replaced(&mut self, id: SegmentId, at: usize) {
        let segment = self.segments.get_mut(&id).expect("found before");
        let replica = &segment.replicas[at];
        if replica.is_listed() {
            let server = replica.server;
            segment.garbage.retain(|g| g.server != server || g.call.is_some());
        }
    }

    fn free_answered(&mut self, id: SegmentId, at: usize, outcome: Outcome, actions: &mut Vec<Action>) {
        let retry_at = self.ran + self.config.retry_after;
        let segment = self.segments.get_mut(&id).expect("found before");
        let garbage = &mut segment.garbage[at];
        let (server, call) = (garbage.server, garbage.call.take().expect("found by its call"));
        self.backups.end_call(server, CallKind::Free);
        match outcome {
            // What a poisoned store has, it shows under another id, if at all: nothing to be freed here.
            Outcome::Ok | Outcome::Refused(Refusal::StaleCreation | Refusal::Lost | Refusal::Poisoned) => {
                segment.garbage.remove(at);
            }
            Outcome::Unknown | Outcome::Refused(Refusal::StaleSession) => {
                garbage.retry_at = Some(retry_at);
                self.end_session(server, call.session);
            }
            Outcome::Refused(why) => {
                garbage.retry_at = Some(retry_at);
                if why == Refusal::Fenced {
                    actions.push(Action::VerifyMembership);
                }
            }
        }
    }

    /// P3: a call without answer ends its session.
    fn end_session(&mut self, server: ServerId, session: SessionNumber) {
        if self.config.rules.on(Rule::P3) {
            self.backups.end_session(server, session);
        }
    }

    fn replica_id(&self, segment: SegmentId, at: usize) -> ReplicaId {
        let creation = self.segments[&segment].replicas[at].creation;
        ReplicaId { log: self.config.log, segment, creation }
    }

    /// The backup refused to create the replica: nothing is there, nothing is lost.
    fn reject(&mut self, id: SegmentId, at: usize, why: Refusal, actions: &mut Vec<Action>) {
        let wait = match why {
            Refusal::NotReady => self.config.retry_after,
            _ => self.config.avoid_for,
        };
        self.counters.rejected += u64::from(why == Refusal::NoRoom);
        self.remove(id, at, self.ran + wait, actions);
    }

    /// P1: the replica no longer counts; its backup is avoided for a while.
    pub(super) fn lose(&mut self, id: SegmentId, at: usize, actions: &mut Vec<Action>) {
        let replica = &self.segments[&id].replicas[at];
        let was_sent = replica.attempts > 0;
        // P1: it counts as open until its close was seen acknowledged.
        let is_closed = replica.is_closed || (!self.config.rules.on(Rule::P1) && replica.is_close_sent);
        let is_open = was_sent && !replica.is_copy && !is_closed;
        if was_sent && self.backups.get(replica.server).is_some() {
            let garbage = Garbage::of(replica);
            self.segments.get_mut(&id).expect("found before").garbage.push(garbage);
        }
        self.counters.lost += u64::from(was_sent);
        self.remove(id, at, self.ran + self.config.avoid_for, actions);
        if is_open && self.segments[&id].kind == SegmentKind::Head {
            self.hurt(id, actions);
        }
    }

    fn remove(
        &mut self,
        id: SegmentId,
        at: usize,
        avoid_until: rekindle_env::Time,
        actions: &mut Vec<Action>,
    ) {
        let replica_id = self.replica_id(id, at);
        self.deactivate(id);
        let replica = self.segments.get_mut(&id).expect("found before").replicas.remove(at);
        if let Some(call) = replica.call {
            self.backups.end_call(replica.server, CallKind::of_write(replica.is_copy));
            let (segment, creation) = (id, replica.creation);
            actions.push(Action::Abandon(CallId { segment, creation, attempt: call.attempt }));
        }
        if replica.is_copy && !replica.is_closed {
            actions.push(Action::Unpin(replica_id));
        }
        if replica.is_primary {
            self.backups.remove_primary(replica.server);
        }
        self.backups.avoid(replica.server, avoid_until);
        self.activate(id);
    }

    /// H3: the head lost an open replica.
    fn hurt(&mut self, id: SegmentId, actions: &mut Vec<Action>) {
        let (is_reached, has_next) = (self.heads.is_reached(id), self.heads.after(id).is_some());
        let segment = self.segments.get_mut(&id).expect("found before");
        // H2: before the switch to it is complete it is hurt from birth, and replaced by an open one.
        segment.is_hurt_from_birth |= !is_reached;
        if !segment.is_hurt() {
            segment.hurt_at = Some(segment.acknowledged);
            self.counters.hurt += 1;
            self.heads_first_until = self.ran + self.config.replica_timeout;
            if !has_next {
                actions.push(Action::Roll(id));
            }
        }
    }

    /// The server left the cluster: what it held is lost, what it was to drop is dropped.
    pub(super) fn server_gone(&mut self, server: ServerId, actions: &mut Vec<Action>) {
        let ids: Vec<SegmentId> = self.segments.keys().copied().collect();
        for id in ids {
            let segment = self.segments.get_mut(&id).expect("just listed");
            segment.garbage.retain(|garbage| {
                if let (true, Some(call)) = (garbage.server == server, garbage.call) {
                    let (segment, creation) = (id, garbage.creation);
                    actions.push(Action::Abandon(CallId { segment, creation, attempt: call.attempt }));
                }
                garbage.server != server
            });
            if let Some(at) = segment.replicas.iter().position(|r| r.server == server) {
                self.lose(id, at, actions);
            }
        }
    }
}
