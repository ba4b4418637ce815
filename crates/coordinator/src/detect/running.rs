//! F7: the time during which the coordinator itself ran.

use rekindle_env::Time;
use std::time::Duration;

/// A clock that stands still while the coordinator does: all that the detector counts is time of this clock.
///
/// A coordinator that does not run hears nobody, so between two ticks no more than `step_max` counts. But that much
/// does: one that is always late comes to its end too, only later.
#[derive(Clone, Debug)]
pub(super) struct RunningTime {
    /// When the last tick was, on the coordinator's clock.
    ticked: Time,
    /// And on this one.
    ran: Time,
    step_max: Duration,
}

impl RunningTime {
    pub fn new(now: Time, step_max: Duration) -> Self {
        Self { ticked: now, ran: Time(0), step_max }
    }

    /// What this clock shows.
    pub fn at(&self, now: Time) -> Time {
        self.ran + now.since(self.ticked).min(self.step_max)
    }

    /// The coordinator runs.
    pub fn tick(&mut self, now: Time) -> Time {
        (self.ran, self.ticked) = (self.at(now), now);
        self.ran
    }

    /// Whether it stood still until now.
    pub fn is_late(&self, now: Time) -> bool {
        now.since(self.ticked) > self.step_max
    }
}
