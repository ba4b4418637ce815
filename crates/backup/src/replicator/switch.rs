//! When a head switch is complete (H3, H4), and what the rules allow each segment until then.

use super::{Action, Replicator, segment::Permit};
use rekindle_log::SegmentKind;
use rekindle_types::{Rule, SegmentId};

impl Replicator {
    /// Completes the next switch, if everything for it is true; asks for the floor when that alone is missing.
    pub(super) fn complete_switch(&mut self, actions: &mut Vec<Action>) -> bool {
        let Some((from, to)) = self.heads.next_switch() else { return false };
        let replicas = self.config.replicas;
        // H4: s2 open on all R, s1 closed on all R and, if s1 was hurt, the floor at s2.
        if !self.segments[&to].is_open_on(replicas) {
            return false;
        }
        let is_hurt = match from {
            Some(from) if !self.segments[&from].is_closed_on(replicas) => return false,
            // H3: the head that a hurt one gives way to becomes the floor, before anything depends on it.
            Some(from) => self.segments[&from].is_hurt() && self.config.rules.on(Rule::H3),
            // T7: the floor of the first head is also its record.
            None => true,
        };
        if is_hurt && self.heads.floor.is_none_or(|floor| floor < to) {
            if self.heads.floor_call.is_none() && self.floor_retry_at.is_none_or(|at| at <= self.ran) {
                (self.heads.floor_call, self.floor_retry_at) = (Some(to), None);
                actions.push(Action::StoreFloor(to));
            }
            return false;
        }
        self.heads.complete();
        if let Some(closed) = from {
            self.acknowledge(closed, self.segments[&closed].target.length, actions);
            actions.push(Action::SwitchComplete { closed });
        }
        true
    }

    /// Tells the log that `upto` is durable, once.
    pub(super) fn acknowledge(&mut self, segment: SegmentId, upto: u32, actions: &mut Vec<Action>) {
        let known = self.segments.get_mut(&segment).expect("only known segments are acknowledged");
        if upto > known.acknowledged {
            known.acknowledged = upto;
            actions.push(Action::Acknowledged { segment, upto });
        }
    }

    /// What the rules allow this segment now.
    pub(super) fn permit(&self, id: SegmentId) -> Permit {
        let segment = &self.segments[&id];
        // H4: the log frees what the current digest leaves out; a head that is no past one is in it.
        let is_in_chain = segment.kind == SegmentKind::Head && !self.heads.is_past(id);
        let free = segment.is_free_wanted && !is_in_chain;
        if segment.kind == SegmentKind::Side {
            let is_past = segment.is_close_wanted;
            return Permit { open: true, data: true, close: true, is_rolled: false, is_past, free };
        }
        let (is_reached, is_past) = (self.heads.is_reached(id), self.heads.is_past(id));
        let rules = self.config.rules;
        // H1: opened nowhere before the head before it is open on all R.
        let open = !rules.on(Rule::H1)
            || is_reached
            || self.heads.before(id).is_none_or(|before| {
                self.heads.is_reached(before) || self.segments[&before].is_open_on(self.config.replicas)
            });
        // H2: closed nowhere before the head behind it is open on all R.
        let is_next_open = !rules.on(Rule::H2)
            || is_past
            || self.heads.after(id).is_some_and(|next| self.segments[&next].is_open_on(self.config.replicas));
        // H4: nothing but opens before the switch to it is complete.
        let data = is_reached || !rules.on(Rule::H4);
        Permit { open, data, close: data && is_next_open, is_rolled: is_reached, is_past, free }
    }
}
