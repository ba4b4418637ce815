//! F8: many silent servers at once are rather a fault of the network, or a cold start, than as many deaths.

use rekindle_env::Time;
use std::{mem, time::Duration};

/// Whether declarations and plans are held back.
#[derive(Clone, Debug, Default)]
pub(super) struct Hold {
    since: Option<Time>,
    is_released: bool,
}

impl Hold {
    /// `missing` of `members` are silent or were declared dead lately. Whether that lifts the hold: so many are back that
    /// there is nothing to hold back for, and those that are not had no chance to be heard before.
    pub fn update(&mut self, now: Time, missing: usize, members: usize, grace: Duration) -> bool {
        if missing <= 1 || missing * 3 <= members {
            return mem::take(self).is_on();
        }
        let since = *self.since.get_or_insert(now);
        self.is_released |= now.since(since) >= grace;
        false
    }

    pub fn is_on(&self) -> bool {
        self.since.is_some() && !self.is_released
    }

    /// The grace counts anew.
    pub fn restart(&mut self, now: Time) {
        *self = Self { since: Some(now), is_released: false };
    }

    /// An operator says that they are dead indeed.
    pub fn release(&mut self) {
        self.is_released = true;
    }
}
