//! What a store holds of one segment.

use super::replica::Replica;
use crate::store::Fill;
use rekindle_types::{CreationNumber, Rule, Rules};

/// At most two replicas: the one that counts, and one being re-created that will replace it (P2).
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) current: Option<Replica>,
    pub(super) pending: Option<Replica>,
}

impl Slot {
    /// The newest creation that is here.
    pub(super) fn newest(&self) -> Option<CreationNumber> {
        self.replicas().map(|r| r.id.creation).max()
    }

    pub(super) fn find(&mut self, creation: CreationNumber) -> Option<&mut Replica> {
        [&mut self.current, &mut self.pending].into_iter().flatten().find(|r| r.id.creation == creation)
    }

    pub(super) fn replicas(&self) -> impl Iterator<Item = &Replica> {
        self.current.iter().chain(&self.pending)
    }

    /// Which replicas a new one of this fill pushes out, at once or by its close.
    pub(super) fn replaced_by(&self, fill: Fill, is_closed: bool, rules: Rules) -> Replaced {
        // P2: a re-creation leaves what is there untouched until it is complete.
        if fill == Fill::Atomic && !is_closed && rules.on(Rule::P2) {
            Replaced::Pending
        } else {
            Replaced::All
        }
    }

    /// Puts a replica in, in place of what it replaces.
    pub(super) fn insert(&mut self, replica: Replica, replaced: Replaced) {
        match replaced {
            Replaced::All => *self = Self { current: Some(replica), pending: None },
            Replaced::Pending => self.pending = Some(replica),
        }
    }

    /// P2: a re-creation that is complete now takes the place of what was there.
    pub(super) fn promote(&mut self) {
        if self.pending.as_ref().is_some_and(Replica::is_closed) {
            self.current = self.pending.take();
        }
    }

    /// Drops this creation and older ones.
    pub(super) fn free(&mut self, creation: CreationNumber) {
        self.current.take_if(|r| r.id.creation <= creation);
        self.pending.take_if(|r| r.id.creation <= creation);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.current.is_none() && self.pending.is_none()
    }
}

/// What makes way for a new replica of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replaced {
    /// Every older creation.
    All,
    /// An older re-creation that was never completed.
    Pending,
}
