//! The chain of heads: the current one and those that wait behind it.

use rekindle_types::SegmentId;
use std::collections::VecDeque;

/// Heads from the current one on, and the floor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Heads {
    /// The current head first; before the first switch the log's first head.
    chain: VecDeque<SegmentId>,
    current: Option<SegmentId>,
    /// What the coordinator is known to have stored (H3).
    pub(super) floor: Option<SegmentId>,
    /// What it is being asked to store.
    pub(super) floor_call: Option<SegmentId>,
}

impl Heads {
    /// The head that the last complete switch led to (H4).
    pub(super) fn current(&self) -> Option<SegmentId> {
        self.current
    }

    /// A head was allocated behind all others.
    pub(super) fn push(&mut self, head: SegmentId) {
        debug_assert!(self.newest().is_none_or(|newest| newest < head), "ids of heads ascend");
        self.chain.push_back(head);
    }

    pub(super) fn newest(&self) -> Option<SegmentId> {
        self.chain.back().copied()
    }

    /// Whether the switch to this head is complete.
    pub(super) fn is_reached(&self, head: SegmentId) -> bool {
        self.current.is_some_and(|current| head <= current)
    }

    /// Whether the switch away from this head is complete.
    pub(super) fn is_past(&self, head: SegmentId) -> bool {
        self.current.is_some_and(|current| head < current)
    }

    /// The head before one that is not past.
    pub(super) fn before(&self, head: SegmentId) -> Option<SegmentId> {
        let at = self.chain.iter().position(|h| *h == head)?;
        at.checked_sub(1).map(|at| self.chain[at])
    }

    /// The head behind one that is not past.
    pub(super) fn after(&self, head: SegmentId) -> Option<SegmentId> {
        let at = self.chain.iter().position(|h| *h == head)?;
        self.chain.get(at + 1).copied()
    }

    /// The next switch to be completed: from which head, if not the first, to which.
    pub(super) fn next_switch(&self) -> Option<(Option<SegmentId>, SegmentId)> {
        match self.current {
            None => self.chain.front().map(|first| (None, *first)),
            Some(current) => self.chain.get(1).map(|next| (Some(current), *next)),
        }
    }

    /// The next switch is complete.
    pub(super) fn complete(&mut self) {
        if self.current.is_some() {
            self.chain.pop_front();
        }
        self.current = self.chain.front().copied();
    }

    /// Heads that are not past, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = SegmentId> {
        self.chain.iter().copied()
    }
}
