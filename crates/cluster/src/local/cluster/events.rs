//! What all coordinators of a cluster saw, one after another.

use crate::local::{Child, Observed};
use std::collections::VecDeque;

/// Events kept; older ones make room.
const EVENTS_MAX: usize = 65_536;

/// Events of the present coordinator after those of its predecessors.
#[derive(Default)]
pub(super) struct Events {
    seen: VecDeque<Observed>,
    /// Of predecessors.
    dropped: u64,
}

impl Events {
    /// Takes what the coordinator told since the last time.
    pub fn take(&mut self, coordinator: &Child) {
        self.seen.extend(coordinator.take_events());
        let too_many = self.seen.len().saturating_sub(EVENTS_MAX);
        self.seen.drain(..too_many);
        self.dropped += too_many as u64;
    }

    /// Takes the last of one that has ended.
    pub fn take_last(&mut self, coordinator: &Child) {
        self.take(coordinator);
        self.dropped += coordinator.dropped_events();
    }

    /// All that are kept, in the order in which they were told.
    pub fn all(&self) -> Vec<Observed> {
        self.seen.iter().cloned().collect()
    }

    /// Events lost so far.
    pub fn dropped(&self, coordinator: Option<&Child>) -> u64 {
        self.dropped + coordinator.map_or(0, Child::dropped_events)
    }
}
