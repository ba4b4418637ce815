//! What the detector knows of one server.

use rekindle_env::Time;
use std::time::Duration;

/// One server under watch.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    /// Its last renewal, or the start of the watch; moved on when the coordinator itself did not run.
    pub quiet_since: Time,
    /// It has renewed since this coordinator started.
    pub is_heard: bool,
    pub phase: Phase,
    /// It enlisted with this coordinator and has not renewed yet: it makes its store its own first.
    pub is_new: bool,
    /// It answered a probe then: it is not probed again so soon.
    pub answered: Option<Time>,
    /// Its death is known for another reason than silence; only the record of it is still to come.
    pub is_proven: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Calm,
    /// Suspected; probes of this round are out since then.
    Probing {
        round: u64,
        since: Time,
    },
    /// All but dead: one more heartbeat is waited for.
    Doomed {
        since: Time,
    },
}

impl Watch {
    pub fn new(now: Time, is_heard: bool) -> Self {
        let phase = Phase::Calm;
        Self { quiet_since: now, is_heard, is_new: false, phase, answered: None, is_proven: false }
    }

    pub fn newcomer(now: Time) -> Self {
        Self { is_new: true, ..Self::new(now, true) }
    }

    pub fn renewed(&mut self, now: Time) {
        *self = Self::new(now, true);
    }

    pub fn silence(&self, now: Time) -> Duration {
        now.since(self.quiet_since)
    }

    /// The coordinator did not run: what was silence may have been its own (F7).
    pub fn restart(&mut self, now: Time) {
        let (is_new, is_proven) = (self.is_new, self.is_proven);
        *self = Self { is_new, is_proven, ..Self::new(now, self.is_heard) };
    }
}
