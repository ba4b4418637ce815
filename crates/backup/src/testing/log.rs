//! A log: how long its heads are, and what it was told of them.

use crate::replicator::Action;
use rekindle_log::Certificate;
use rekindle_types::SegmentId;
use std::collections::BTreeSet;

/// A head between its allocation and its free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelHead {
    /// Its id.
    pub id: SegmentId,
    /// Bytes in memory.
    pub length: u32,
    /// Appends made.
    pub appends: u32,
    /// Segments that its digest names.
    pub digest: BTreeSet<SegmentId>,
    /// Bytes that were acknowledged to callers.
    pub acknowledged: u32,
    /// The log was told that it is open.
    pub is_open: bool,
    /// The log was told that the switch away from it is complete.
    pub is_past: bool,
    /// The log asked for its free.
    pub is_free_asked: bool,
    /// The log was told that it is freed.
    pub is_freed: bool,
}

/// Heads in order. Each opens with [`ModelLog::OPEN_BYTES`]; appends add [`ModelLog::APPEND_BYTES`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelLog {
    /// All heads so far.
    pub heads: Vec<ModelHead>,
    /// The newest head is hurt and has to be rolled.
    pub is_roll_asked: bool,
}

impl ModelLog {
    /// Digest and SafeVersion.
    pub const OPEN_BYTES: u32 = 1;
    /// One append.
    pub const APPEND_BYTES: u32 = 2;

    /// A certificate of so many bytes.
    #[must_use]
    pub fn cert(length: u32) -> Certificate {
        Certificate { length, checksum: 0 }
    }

    /// The newest head.
    ///
    /// # Panics
    /// Before the first one.
    #[must_use]
    pub fn newest(&self) -> &ModelHead {
        self.heads.last().expect("a log has a head")
    }

    /// Heads that wait behind the current one (H1).
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.heads.iter().filter(|head| !head.is_past).count().saturating_sub(1)
    }

    /// The head with this id.
    #[must_use]
    pub fn head(&self, id: SegmentId) -> Option<&ModelHead> {
        self.heads.iter().find(|head| head.id == id)
    }

    /// Allocates the next head; its digest leaves out what a cleaner has emptied: every past head, when
    /// `is_cleaned`.
    pub(super) fn push(&mut self, is_cleaned: bool) -> SegmentId {
        let id = SegmentId(self.heads.len() as u64 + 1);
        let kept = self.heads.iter().filter(|head| !(is_cleaned && head.is_past)).map(|head| head.id);
        let digest = kept.chain([id]).collect();
        self.heads.push(ModelHead {
            id,
            length: Self::OPEN_BYTES,
            appends: 0,
            digest,
            acknowledged: 0,
            is_open: false,
            is_past: false,
            is_free_asked: false,
            is_freed: false,
        });
        self.is_roll_asked = false;
        id
    }

    /// Heads that are to be freed: the current digest leaves them out.
    #[must_use]
    pub fn freeable(&self) -> Option<SegmentId> {
        let current = self.heads.iter().find(|head| !head.is_past && head.is_open)?;
        let is_gone = |head: &&ModelHead| head.id < current.id && !current.digest.contains(&head.id);
        self.heads.iter().filter(is_gone).find(|head| !head.is_free_asked).map(|head| head.id)
    }

    pub(super) fn told(&mut self, action: &Action) {
        match *action {
            Action::Opened(id) => self.head_mut(id).is_open = true,
            Action::Acknowledged { segment, upto } => {
                let head = self.head_mut(segment);
                head.acknowledged = head.acknowledged.max(upto);
            }
            Action::SwitchComplete { closed } => self.head_mut(closed).is_past = true,
            Action::Roll(head) => self.is_roll_asked |= head == self.newest().id,
            Action::Freed(id) => self.head_mut(id).is_freed = true,
            _ => {}
        }
    }

    pub(super) fn head_mut(&mut self, id: SegmentId) -> &mut ModelHead {
        self.heads.iter_mut().find(|head| head.id == id).expect("only known heads are talked about")
    }
}
