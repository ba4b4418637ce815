//! Which calls bring what is closer to what should be.

use super::{
    Action, CallId, FreeCall, Replicator, ReplicatorConfig, WriteCall,
    backups::{BackupSet, CallKind},
    placement,
    replica::{Call, Garbage, Replica},
    segment::{Permit, Segment},
};
use crate::Fill;
use rekindle_env::Time;
use rekindle_log::SegmentKind;
use rekindle_types::{CreationNumber, ReplicaId, Rule, SegmentId, ServerId};

/// What planning for one segment needs of the rest.
struct Planner<'a> {
    id: SegmentId,
    kind: SegmentKind,
    permit: Permit,
    config: &'a ReplicatorConfig,
    backups: &'a mut BackupSet,
    creations: &'a mut CreationNumber,
    ran: Time,
    actions: &'a mut Vec<Action>,
}

impl Replicator {
    /// Makes the calls that the segment needs and that are allowed now.
    pub(super) fn plan(&mut self, id: SegmentId, actions: &mut Vec<Action>) {
        let permit = self.permit(id);
        let segment = self.segments.get_mut(&id).expect("active segments are known");
        let mut planner = Planner {
            id,
            kind: segment.kind,
            permit,
            config: &self.config,
            backups: &mut self.backups,
            creations: &mut self.creations,
            ran: self.ran,
            actions,
        };
        if permit.free {
            planner.discard(segment);
            return planner.free(segment);
        }
        planner.place(segment);
        planner.write(segment);
        // Lost replicas hold what was acknowledged before: they stay until R others do.
        if permit.is_past && segment.is_closed_on(planner.config.replicas) {
            planner.free(segment);
        }
    }

    /// Tells the log what has become true of a segment; whether it is freed.
    pub(super) fn report(&mut self, id: SegmentId, actions: &mut Vec<Action>) -> bool {
        let (permit, replicas) = (self.permit(id), self.config.replicas);
        let is_first = self.heads.next_switch() == Some((None, id));
        let segment = self.segments.get_mut(&id).expect("active segments are known");
        if permit.free {
            let is_freed = segment.replicas.is_empty() && segment.garbage.is_empty();
            if is_freed {
                actions.push(Action::Freed(id));
            }
            return is_freed;
        }
        if !segment.is_open_told && segment.is_open_on(replicas) && !is_first {
            segment.is_open_told = true;
            actions.push(Action::Opened(id));
        }
        let is_side = segment.kind == SegmentKind::Side;
        let is_closed_side = is_side && !segment.is_closed_told && segment.is_closed_on(replicas);
        segment.is_closed_told |= is_closed_side;
        let upto = if permit.is_past && !is_side { None } else { self.durable(id, permit) };
        if let Some(upto) = upto {
            self.acknowledge(id, upto, actions);
        }
        if is_closed_side {
            actions.push(Action::SideClosed(id));
        }
        false
    }

    /// Bytes that count as durable in a segment that no switch has completed.
    fn durable(&self, id: SegmentId, permit: Permit) -> Option<u32> {
        let segment = &self.segments[&id];
        if self.config.replicas == 0 {
            return permit.data.then_some(segment.target.length);
        }
        if segment.is_hurt() {
            // H5: a hurt head acknowledges nothing before the switch that ends it is complete.
            let is_unruly = !self.config.rules.on(Rule::H5);
            return segment.replicas.iter().filter_map(|r| r.valid).min().filter(|_| is_unruly);
        }
        // H5: what is on all R.
        segment
            .is_open_on(self.config.replicas)
            .then(|| segment.replicas.iter().filter_map(|r| r.valid).min())?
    }
}

impl Planner<'_> {
    /// Chooses backups for missing replicas.
    fn place(&mut self, segment: &mut Segment) {
        while segment.replicas.len() < self.config.replicas {
            let Some(is_copy) = segment.missing(self.permit) else { return };
            let taken: Vec<ServerId> = segment.replicas.iter().map(|r| r.server).collect();
            let is_primary = !segment.replicas.iter().any(|r| r.is_primary);
            let mut words = placement::Words::new(self.config.seed, self.id.0, segment.placed);
            let Some(server) = placement::choose(self.backups, &taken, is_primary, &mut words) else {
                return;
            };
            *self.creations = self.creations.next();
            segment.placed += 1;
            if is_primary {
                self.backups.add_primary(server);
            }
            segment.replicas.push(Replica::new(server, *self.creations, is_primary, is_copy));
        }
    }

    fn write(&mut self, segment: &mut Segment) {
        for at in 0..segment.replicas.len() {
            let replica = &segment.replicas[at];
            if !replica.is_idle(self.ran) {
                continue;
            }
            let Some(goal) = segment.goal(replica, self.permit) else { continue };
            let is_there = replica.valid.is_some_and(|valid| valid >= goal.cert.length);
            if is_there && (replica.is_closed || !goal.close) {
                continue;
            }
            let from = replica.have;
            let to = goal.cert.length.min(from.saturating_add(self.config.chunk_bytes));
            let is_last = to == goal.cert.length;
            let (certificate, close) = (is_last.then_some(goal.cert), is_last && goal.close);
            self.send(&mut segment.replicas[at], from, to, certificate, close);
        }
    }

    fn send(
        &mut self,
        replica: &mut Replica,
        from: u32,
        to: u32,
        certificate: Option<rekindle_log::Certificate>,
        close: bool,
    ) {
        let calls_max = self.config.calls_per_backup_max;
        let Some(session) =
            self.backups.begin_call(replica.server, CallKind::of_write(replica.is_copy), calls_max)
        else {
            return;
        };
        replica.attempts += 1;
        let call =
            Call { attempt: replica.attempts, session, to, valid: certificate.map(|c| c.length), close };
        replica.call = Some(call);
        replica.since = replica.since.or(Some(self.ran));
        replica.retry_at = None;
        replica.is_close_sent |= close;
        // P2: re-created closed replicas come to be in one piece.
        let is_atomic = replica.is_copy && self.config.rules.on(Rule::P2);
        let fill = match self.kind {
            _ if is_atomic => Fill::Atomic,
            SegmentKind::Side => Fill::Side,
            SegmentKind::Head => Fill::Growing,
        };
        self.actions.push(Action::Write(WriteCall {
            call: CallId { segment: self.id, creation: replica.creation, attempt: call.attempt },
            server: replica.server,
            replica: self.replica_id(replica.creation),
            session,
            open: (!replica.is_begun).then_some(fill),
            is_copy: replica.is_copy,
            from,
            to,
            certificate,
            close,
            primary: replica.is_primary,
        }));
    }

    /// Replicas of a segment that is freed become garbage, once no write is in flight to them.
    fn discard(&mut self, segment: &mut Segment) {
        let Segment { replicas, garbage, .. } = segment;
        replicas.retain(|replica| {
            if replica.call.is_some() {
                return true;
            }
            if replica.attempts > 0 {
                garbage.push(Garbage::of(replica));
            }
            if replica.is_primary {
                self.backups.remove_primary(replica.server);
            }
            if replica.is_copy && !replica.is_closed {
                self.actions.push(Action::Unpin(ReplicaId {
                    log: self.config.log,
                    segment: self.id,
                    creation: replica.creation,
                }));
            }
            false
        });
    }

    fn free(&mut self, segment: &mut Segment) {
        for garbage in segment.garbage.iter_mut().filter(|g| g.is_idle(self.ran)) {
            let calls_max = self.config.calls_per_backup_max;
            let Some(session) = self.backups.begin_call(garbage.server, CallKind::Free, calls_max) else {
                continue;
            };
            garbage.attempts += 1;
            garbage.call =
                Some(Call { attempt: garbage.attempts, session, to: 0, valid: None, close: false });
            (garbage.since, garbage.retry_at) = (Some(self.ran), None);
            self.actions.push(Action::Free(FreeCall {
                call: CallId { segment: self.id, creation: garbage.creation, attempt: garbage.attempts },
                server: garbage.server,
                replica: ReplicaId { log: self.config.log, segment: self.id, creation: garbage.creation },
                session,
            }));
        }
    }

    fn replica_id(&self, creation: CreationNumber) -> ReplicaId {
        ReplicaId { log: self.config.log, segment: self.id, creation }
    }
}
