//! What a store holds of one segment.

use super::replica::Replica;
use crate::store::Fill;
use rekindle_types::{CreationNumber, Rule, Rules};

/// At most two replicas: the one that counts, and one being re-created that will replace it (P2).
#[derive(Debug, Default)]
pub(crate) struct Slot {
    pub(crate) current: Option<Replica>,
    pub(crate) pending: Option<Replica>,
}

impl Slot {
    /// The newest creation that is here.
    pub(crate) fn newest(&self) -> Option<CreationNumber> {
        self.replicas().map(|r| r.id.creation).max()
    }

    pub(crate) fn find(&mut self, creation: CreationNumber) -> Option<&mut Replica> {
        [&mut self.current, &mut self.pending].into_iter().flatten().find(|r| r.id.creation == creation)
    }

    pub(crate) fn replicas(&self) -> impl Iterator<Item = &Replica> {
        self.current.iter().chain(&self.pending)
    }

    /// Which replicas a new one of this fill pushes out, at once or by its close.
    pub(crate) fn replaced_by(&self, fill: Fill, is_closed: bool, rules: Rules) -> Replaced {
        // P2: a re-creation leaves what is there untouched until it is complete.
        if fill == Fill::Atomic && !is_closed && rules.on(Rule::P2) {
            Replaced::Pending
        } else {
            Replaced::All
        }
    }

    /// Puts a replica in; gives what it replaced.
    pub(crate) fn insert(&mut self, replica: Replica, replaced: Replaced) -> Vec<Replica> {
        match replaced {
            Replaced::All => {
                let former = std::mem::replace(self, Self { current: Some(replica), pending: None });
                former.current.into_iter().chain(former.pending).collect()
            }
            Replaced::Pending => self.pending.replace(replica).into_iter().collect(),
        }
    }

    /// P2: a re-creation that is complete now takes the place of what was there, which it gives.
    pub(crate) fn promote(&mut self) -> Option<Replica> {
        let complete = self.pending.take_if(|pending| pending.is_closed())?;
        self.current.replace(complete)
    }

    /// Drops this creation and older ones, and gives them.
    pub(crate) fn free(&mut self, creation: CreationNumber) -> Vec<Replica> {
        let current = self.current.take_if(|r| r.id.creation <= creation);
        let pending = self.pending.take_if(|r| r.id.creation <= creation);
        current.into_iter().chain(pending).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.current.is_none() && self.pending.is_none()
    }
}

/// What makes way for a new replica of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replaced {
    /// Every older creation.
    All,
    /// An older re-creation that was never completed.
    Pending,
}
