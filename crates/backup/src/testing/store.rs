//! A backup: what it keeps of replicas, without their bytes.

use crate::{
    Fill,
    replicator::{FreeCall, Outcome, Refusal, WriteCall},
};
use rekindle_types::{CreationNumber, SegmentId, SessionNumber};
use std::collections::BTreeMap;

/// A replica that has bytes, maybe valid ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelReplica {
    /// Which creation.
    pub creation: CreationNumber,
    /// How it is filled.
    pub fill: Fill,
    /// Bytes there.
    pub have: u32,
    /// Bytes that count.
    pub valid: Option<u32>,
    /// Nothing follows.
    pub is_closed: bool,
}

/// What a backup holds of a segment: what is listed, and what is being re-created beside it (P2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    pub(super) listed: Option<ModelReplica>,
    pub(super) staged: Option<ModelReplica>,
}

/// One backup, as `BackupStore` describes it.
#[derive(Clone, Debug, Default)]
pub struct ModelStore {
    pub(super) slots: BTreeMap<SegmentId, Slot>,
    /// Highest session seen (P3).
    pub(super) session: SessionNumber,
    /// Crashed: nothing of it comes back.
    pub is_dead: bool,
    /// Replicas that fit.
    pub frames: usize,
}

impl ModelStore {
    /// Runs a write.
    pub fn write(&mut self, call: &WriteCall) -> Outcome {
        if let Some(stale) = self.admit(call.session) {
            return stale;
        }
        let (id, frames, used) = (call.replica, self.frames, self.frames_used());
        let slot = self.slots.entry(id.segment).or_default();
        if slot.newest() > Some(id.creation) {
            return Outcome::Refused(Refusal::StaleCreation);
        }
        if slot.newest() < Some(id.creation) {
            let Some(fill) = call.open else { return Outcome::Refused(Refusal::Lost) };
            let is_replacing = fill != Fill::Atomic && slot.listed.is_some() || slot.staged.is_some();
            if used >= frames && !is_replacing {
                return Outcome::Refused(Refusal::NoRoom);
            }
            slot.create(id.creation, fill);
        }
        slot.fill(call)
    }

    /// Runs a free.
    pub fn free(&mut self, call: &FreeCall) -> Outcome {
        if let Some(stale) = self.admit(call.session) {
            return stale;
        }
        let Some(slot) = self.slots.get_mut(&call.replica.segment) else { return Outcome::Ok };
        if slot.newest() > Some(call.replica.creation) {
            return Outcome::Refused(Refusal::StaleCreation);
        }
        self.slots.remove(&call.replica.segment);
        Outcome::Ok
    }

    /// What an inventory lists.
    pub fn listed(&self) -> impl Iterator<Item = (SegmentId, &ModelReplica)> {
        self.slots
            .iter()
            .filter_map(|(id, slot)| slot.listed.as_ref().map(|replica| (*id, replica)))
            .filter(|(_, replica)| replica.valid.is_some())
    }

    /// What of it shows its digest: what is open, and of the closed ones the highest; here every segment is a head.
    pub fn listed_with_digest(&self) -> impl Iterator<Item = (SegmentId, &ModelReplica)> {
        let highest = self.listed().filter(|(_, replica)| replica.is_closed).map(|(id, _)| id).max();
        self.listed().filter(move |(id, replica)| !replica.is_closed || Some(*id) == highest)
    }

    /// Whether anything of a segment is here.
    #[must_use]
    pub fn holds(&self, segment: SegmentId) -> bool {
        self.slots.get(&segment).is_some_and(|slot| slot.newest().is_some())
    }

    fn admit(&mut self, session: SessionNumber) -> Option<Outcome> {
        if session < self.session {
            return Some(Outcome::Refused(Refusal::StaleSession));
        }
        self.session = session;
        None
    }

    fn frames_used(&self) -> usize {
        self.slots.values().map(|s| usize::from(s.listed.is_some()) + usize::from(s.staged.is_some())).sum()
    }
}

impl Slot {
    pub(super) fn newest(&self) -> Option<CreationNumber> {
        self.listed.iter().chain(&self.staged).map(|replica| replica.creation).max()
    }

    fn create(&mut self, creation: CreationNumber, fill: Fill) {
        let replica = ModelReplica { creation, fill, have: 0, valid: None, is_closed: false };
        match fill {
            Fill::Growing | Fill::Side => *self = Self { listed: Some(replica), staged: None },
            Fill::Atomic => self.staged = Some(replica),
        }
    }

    fn fill(&mut self, call: &WriteCall) -> Outcome {
        let is_staged = self.staged.as_ref().is_some_and(|r| r.creation == call.replica.creation);
        let here = if is_staged { &mut self.staged } else { &mut self.listed };
        let replica = here.as_mut().expect("the newest is one of the two");
        if call.from > replica.have || (replica.is_closed && call.to > replica.have) {
            return Outcome::Refused(Refusal::Lost);
        }
        replica.have = replica.have.max(call.to);
        replica.valid = replica.valid.max(call.certificate.map(|c| c.length));
        replica.is_closed |= call.close;
        // P2: it takes its place in one step.
        if is_staged && replica.is_closed {
            self.listed = self.staged.take();
        }
        Outcome::Ok
    }
}
