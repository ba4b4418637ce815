//! What the coordinators saw, and when.

use parking_lot::Mutex;
use rekindle_coordinator::{Event, Observer};
use rekindle_env::Time;
use std::sync::Arc;

/// Keeps every event, up to [`Timeline::EVENTS_MAX`].
#[derive(Clone, Default)]
pub struct Timeline(Arc<Mutex<Vec<(Time, Event)>>>);

impl Timeline {
    /// Later events are not kept.
    pub const EVENTS_MAX: usize = 100_000;

    /// All so far, in order.
    #[must_use]
    pub fn events(&self) -> Vec<(Time, Event)> {
        self.0.lock().clone()
    }

    /// Those after the first `seen`.
    #[must_use]
    pub fn since(&self, seen: usize) -> Vec<(Time, Event)> {
        self.0.lock().get(seen..).unwrap_or_default().to_vec()
    }

    /// How many there are that fit.
    pub fn count(&self, fits: impl Fn(&Event) -> bool) -> usize {
        self.0.lock().iter().filter(|(_, event)| fits(event)).count()
    }
}

impl Observer for Timeline {
    fn observe(&self, at: Time, event: &Event) {
        let mut events = self.0.lock();
        if events.len() < Self::EVENTS_MAX {
            events.push((at, event.clone()));
        }
    }
}
