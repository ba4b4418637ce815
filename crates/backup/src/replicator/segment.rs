//! What should be true of a segment, and what is.

use super::replica::{Garbage, Replica};
use rekindle_log::{Certificate, SegmentKind};

/// A segment between its open and the end of its free.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Segment {
    pub(super) kind: SegmentKind,
    /// What it is opened with.
    pub(super) opened: Certificate,
    /// All that the log has handed over.
    pub(super) target: Certificate,
    /// `target` is the last.
    pub(super) is_close_wanted: bool,
    /// To be freed.
    pub(super) is_free_wanted: bool,
    /// It lost an open replica (H3), with so many bytes acknowledged: to these nothing is added (H5).
    pub(super) hurt_at: Option<u32>,
    /// It did so before the switch to it was complete (H2).
    pub(super) is_hurt_from_birth: bool,
    pub(super) is_open_told: bool,
    pub(super) is_closed_told: bool,
    /// Bytes acknowledged to the log (H5).
    pub(super) acknowledged: u32,
    /// Replicas placed so far.
    pub(super) placed: u32,
    /// At most R, on distinct backups.
    pub(super) replicas: Vec<Replica>,
    pub(super) garbage: Vec<Garbage>,
}

/// What the rules for heads allow a segment now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Permit {
    /// H1.
    pub(super) open: bool,
    /// H4: more than its open may be sent.
    pub(super) data: bool,
    /// H2 and H4: replicas may be closed.
    pub(super) close: bool,
    /// A lost open replica is not replaced by an open one: the head is rolled (H3).
    pub(super) is_rolled: bool,
    /// No switch depends on it any more.
    pub(super) is_past: bool,
    /// It is to be dropped now.
    pub(super) free: bool,
}

/// What a replica should become by its next writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Goal {
    pub(super) cert: Certificate,
    pub(super) close: bool,
}

impl Segment {
    pub(super) fn new(kind: SegmentKind, cert: Certificate) -> Self {
        Self {
            kind,
            opened: cert,
            target: cert,
            is_close_wanted: false,
            is_free_wanted: false,
            hurt_at: None,
            is_hurt_from_birth: false,
            is_open_told: false,
            is_closed_told: false,
            acknowledged: cert.length,
            placed: 0,
            replicas: Vec::new(),
            garbage: Vec::new(),
        }
    }

    /// Whether it lost an open replica.
    pub(super) fn is_hurt(&self) -> bool {
        self.hurt_at.is_some()
    }

    /// Whether a replica was asked to close, or to come to be closed.
    pub(super) fn is_closing(&self) -> bool {
        self.replicas.iter().any(|r| r.is_close_sent || r.is_copy && r.attempts > 0)
    }

    /// Bytes of a head that all R have, or had when it was hurt.
    pub(super) fn certified(&self, replicas: usize) -> u32 {
        // What an unhurt head lacks once it was open on all had been closed, with all of it.
        let is_on_all = self.is_open_told || self.is_open_on(replicas);
        let least = || self.replicas.iter().filter_map(|r| r.valid).min().unwrap_or(self.target.length);
        self.hurt_at.unwrap_or_else(|| if is_on_all { least() } else { self.opened.length })
    }

    /// Whether all R are open, or closed already.
    pub(super) fn is_open_on(&self, replicas: usize) -> bool {
        self.replicas.len() == replicas && self.replicas.iter().all(Replica::is_listed)
    }

    /// P1: whether all R have acknowledged their close.
    pub(super) fn is_closed_on(&self, replicas: usize) -> bool {
        self.is_close_wanted && self.replicas.len() == replicas && self.replicas.iter().all(|r| r.is_closed)
    }

    /// Copies that a recovery could use now.
    pub(super) fn copies(&self) -> usize {
        self.replicas.iter().filter(|r| r.is_closed).count()
    }

    /// Whether a replica has yet to be made up for.
    pub(super) fn is_restoring(&self, replicas: usize) -> bool {
        self.is_close_wanted
            && !self.is_free_wanted
            && (self.replicas.len() < replicas || self.replicas.iter().any(|r| r.is_copy && !r.is_closed))
    }

    /// What `replica` should become, as far as the rules allow now.
    pub(super) fn goal(&self, replica: &Replica, permit: Permit) -> Option<Goal> {
        if replica.is_copy {
            // H2: not re-created closed before the next head is open on all R.
            return permit.close.then_some(Goal { cert: self.target, close: true });
        }
        if !replica.is_listed() || !permit.data {
            // H4: nothing but the open before the switch to this head is complete.
            return permit.open.then_some(Goal { cert: self.opened, close: false });
        }
        if self.is_close_wanted && permit.close {
            return Some(Goal { cert: self.target, close: true });
        }
        // H2: what a head hurt from birth holds is sent only with its close.
        (!self.is_hurt_from_birth).then_some(Goal { cert: self.target, close: false })
    }

    /// Whether a missing replica may be placed now, and if so, whether as a closed copy.
    pub(super) fn missing(&self, permit: Permit) -> Option<bool> {
        if self.is_close_wanted && permit.close {
            return Some(true);
        }
        (!permit.is_rolled && permit.open).then_some(false)
    }
}
