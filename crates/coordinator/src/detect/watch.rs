//! What the detector knows of one server.

use rekindle_env::Time;
use std::time::Duration;

/// One server under watch. All instants are of the time during which the coordinator ran (F7).
#[derive(Clone, Debug)]
pub(super) struct Watch {
    /// Its last renewal, or the start of the watch.
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
    /// A hold was lifted since its last renewal.
    is_spared: bool,
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
        /// The coordinator stood still meanwhile: the heartbeat was begun anew.
        is_anew: bool,
    },
}

impl Watch {
    pub fn new(now: Time, is_heard: bool) -> Self {
        let phase = Phase::Calm;
        let (is_new, is_proven, is_spared) = (false, false, false);
        Self { quiet_since: now, is_heard, phase, is_new, answered: None, is_proven, is_spared }
    }

    pub fn newcomer(now: Time) -> Self {
        Self { is_new: true, ..Self::new(now, true) }
    }

    pub fn renewed(&mut self, now: Time) {
        *self = Self { answered: self.answered, ..Self::new(now, true) };
    }

    pub fn silence(&self, now: Time) -> Duration {
        now.since(self.quiet_since)
    }

    /// All but dead.
    pub fn doom(&mut self, now: Time) {
        self.phase = Phase::Doomed { since: now, is_anew: false };
    }

    /// The coordinator stood still until now. Whoever is all but dead gets its last heartbeat whole, once: what was
    /// heard meanwhile may not have been noted yet (F7).
    pub fn stood_still(&mut self, now: Time) {
        if let Phase::Doomed { is_anew: false, .. } = self.phase {
            self.phase = Phase::Doomed { since: now, is_anew: true };
        }
    }

    /// Others are back, so that it may be about to be heard, too: its silence counts from now on, once (F8).
    pub fn spare(&mut self, now: Time) {
        if !self.is_spared {
            (self.quiet_since, self.phase, self.is_spared) = (now, Phase::Calm, true);
        }
    }
}
