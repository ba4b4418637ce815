//! Which calls to the sink are due, and what their answers mean. Pure: the runner makes the calls.

use super::CommittedAt;
use super::departed::Departed;
use super::state::{CallState, Committed, Effects, Membership, Segment, State};
use crate::memory::FrameEnd;
use crate::{Certificate, SegmentKind};
use bytes::Bytes;
use rekindle_types::{Position, Rule, SegmentId};
use std::collections::BTreeMap;

/// A call to the sink.
pub(super) enum Call {
    Open { segment: SegmentId, after: Option<SegmentId>, kind: SegmentKind, bytes: Bytes, cert: Certificate },
    Append { segment: SegmentId, offset: u32, bytes: Bytes, cert: Certificate },
    Close { segment: SegmentId, cert: Certificate },
    Free { segment: SegmentId },
}

/// Which call was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    Open(SegmentId),
    Append(Position),
    Close(SegmentId),
    Free(SegmentId),
}

impl Call {
    pub(super) fn tag(&self) -> Answered {
        match *self {
            Self::Open { segment, .. } => Answered::Open(segment),
            Self::Append { segment, cert, .. } => Answered::Append(Position { segment, offset: cert.length }),
            Self::Close { segment, .. } => Answered::Close(segment),
            Self::Free { segment } => Answered::Free(segment),
        }
    }
}

impl State {
    /// All calls that are due, in the order in which they must be made: opens first (H2: a close comes after the
    /// open of the next head), then segment by segment.
    pub(super) fn next_calls(&mut self) -> Vec<Call> {
        let mut calls = Vec::new();
        let active: Vec<SegmentId> = self.active.iter().copied().collect();
        for &id in &active {
            self.next_open(id, &mut calls);
        }
        for &id in &active {
            self.next_data(id, &mut calls);
            self.next_free(id, &mut calls);
        }
        let newest = &self.segments[&self.head.id];
        self.wants_append = self.may_send(self.head.id, newest) && !newest.has_append_in_flight;
        calls
    }

    fn next_open(&mut self, id: SegmentId, calls: &mut Vec<Call>) {
        let segment = self.segments.get_mut(&id).expect("active ones are known");
        if segment.open != CallState::ToMake || segment.membership == Membership::Gone {
            return;
        }
        segment.open = CallState::Made;
        let (after, kind, cert) = (segment.after, segment.kind, segment.first);
        let bytes = self.bytes(id, 0, cert.length);
        calls.push(Call::Open { segment: id, after, kind, bytes, cert });
    }

    /// H4: nothing but its open is sent for a head before the switch to it is complete.
    fn may_send(&self, id: SegmentId, segment: &Segment) -> bool {
        segment.open == CallState::Answered && (segment.kind == SegmentKind::Side || self.current == Some(id))
    }

    /// One append is in flight at a time and the next collects all that came meanwhile (group commit). Once
    /// nothing follows, the rest and the close go out without waiting.
    fn next_data(&mut self, id: SegmentId, calls: &mut Vec<Call>) {
        let segment = &self.segments[&id];
        let is_due = segment.membership != Membership::Gone && segment.close == CallState::ToMake;
        if !is_due || !self.may_send(id, segment) {
            return;
        }
        let (sent, last) = (segment.sent, segment.sealed.as_ref().map(|(cert, _)| *cert));
        let (length, headers_crc) = self.frames.published(segment.slot).expect("a known frame");
        let least = if segment.kind == SegmentKind::Side { self.config.side_chunk() } else { 1 };
        let is_worth_it = !segment.has_append_in_flight && length - sent >= least;
        if length > sent && (last.is_some() || is_worth_it) {
            let cert = last.unwrap_or_else(|| Certificate::seal(length, headers_crc));
            let bytes = self.bytes(id, sent, cert.length);
            calls.push(Call::Append { segment: id, offset: sent, bytes, cert });
        }
        let segment = self.segments.get_mut(&id).expect("active ones are known");
        if length > sent && (last.is_some() || is_worth_it) {
            (segment.sent, segment.has_append_in_flight) = (length, true);
        }
        if let Some(cert) = last {
            segment.close = CallState::Made;
            calls.push(Call::Close { segment: id, cert });
        }
    }

    fn next_free(&mut self, id: SegmentId, calls: &mut Vec<Call>) {
        if self.segments[&id].membership == Membership::Gone && self.freeing.insert(id) {
            calls.push(Call::Free { segment: id });
        }
    }

    fn bytes(&self, id: SegmentId, from: u32, to: u32) -> Bytes {
        let slot = self.segments[&id].slot;
        let pin = self.frames.pin(slot, from as usize..to as usize);
        Bytes::from_owner(pin.expect("segments that are not gone are in memory"))
    }

    /// Takes an answer in.
    pub(super) fn answered(&mut self, answer: Answered) -> Effects {
        let mut effects = Effects::default();
        match answer {
            Answered::Open(id) => {
                self.update(id, |s| s.open = CallState::Answered);
                self.complete_switches(&mut effects);
            }
            Answered::Append(end) => {
                self.update(end.segment, |s| s.has_append_in_flight = false);
                // H5: the sink answers for all R. Only the current head is appended to (see `may_send`).
                if self.current == Some(end.segment) {
                    effects.durable = Some(end);
                }
            }
            Answered::Close(id) => {
                self.update(id, |s| s.close = CallState::Answered);
                if self.segments.get(&id).is_some_and(|s| s.membership != Membership::Gone) {
                    self.active.remove(&id);
                }
                self.complete_switches(&mut effects);
                self.mark_ready_side_logs();
            }
            Answered::Free(id) => {
                self.freeing.remove(&id);
                self.forget(id);
            }
        }
        self.roll_if_wanted();
        effects
    }

    /// A free may overtake the answers of earlier calls: those then concern nobody.
    fn update(&mut self, id: SegmentId, change: impl FnOnce(&mut Segment)) {
        if let Some(segment) = self.segments.get_mut(&id) {
            change(segment);
        }
    }

    /// H4: a switch is complete when the new head is open and the one before closed, in this order of heads.
    fn complete_switches(&mut self, effects: &mut Effects) {
        while let Some(next) = self.completable() {
            if self.current.is_some() {
                self.heads.pop_front();
            }
            self.current = Some(next);
            // All of the former head is durable, and what the new one was opened with.
            let offset = self.segments[&next].first.length;
            effects.durable = Some(Position { segment: next, offset });
            let left = |s: &Segment| matches!(s.membership, Membership::Left(by) if by <= next);
            let gone: Vec<_> = self.segments.iter().filter(|(_, s)| left(s)).map(|(id, _)| *id).collect();
            let ends = gone.into_iter().map(|id| (id, self.part_with(id))).collect();
            self.finish_commits(next, ends, effects);
        }
    }

    /// The head whose digest can become current now.
    fn completable(&self) -> Option<SegmentId> {
        let next = match self.current {
            None => *self.heads.front()?,
            Some(current) => {
                let is_closed = self.segments[&current].close == CallState::Answered;
                if !is_closed && self.config.rules.on(Rule::H4) {
                    return None;
                }
                *self.heads.get(1)?
            }
        };
        (self.segments[&next].open == CallState::Answered).then_some(next)
    }

    /// Resolves the commits that the head which became current names. Who cleaned a segment gives its memory back.
    fn finish_commits(
        &mut self,
        head: SegmentId,
        mut ends: BTreeMap<SegmentId, FrameEnd>,
        effects: &mut Effects,
    ) {
        let is_done = |by: Option<SegmentId>| by.is_some_and(|by| by <= head);
        let done: Vec<u64> =
            self.side_logs.iter().filter(|(_, s)| is_done(s.named_by)).map(|(number, _)| *number).collect();
        for number in done {
            let side = self.side_logs.remove(&number).expect("just seen");
            self.end_side_reservation(&side);
            let at = CommittedAt { head: side.named_by.expect("just seen") };
            let mut departed = Departed::default();
            side.victims.iter().filter_map(|id| ends.remove(id)).for_each(|end| departed.add(end));
            if let Some(waiter) = side.waiter {
                effects.commits.push((waiter, Committed { at, departed }));
            }
        }
        ends.into_values().for_each(|end| effects.departed.add(end));
    }
}
