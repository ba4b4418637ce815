//! How many requests may wait for durability at once (V3).

use std::sync::atomic::{AtomicU32, Ordering};

/// A bounded number of waiting requests. Replica calls, control and heartbeats never take one of these.
#[derive(Debug)]
pub struct Waiting {
    requests_max: u32,
    /// Counts up at entry and down when the place is dropped; nothing else hangs on it, so relaxed.
    requests: AtomicU32,
}

/// A place among the waiting requests, given back when dropped.
#[derive(Debug)]
pub struct Place<'a>(&'a Waiting);

impl Waiting {
    /// Room for `requests_max`.
    #[must_use]
    pub const fn new(requests_max: u32) -> Self {
        Self { requests_max, requests: AtomicU32::new(0) }
    }

    /// A place, or `None` when all are taken: shed the request before anything is done for it.
    #[must_use]
    pub fn enter(&self) -> Option<Place<'_>> {
        let entered = self.requests.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |requests| {
            (requests < self.requests_max).then_some(requests + 1)
        });
        entered.is_ok().then(|| Place(self))
    }

    /// How many places are taken.
    #[must_use]
    pub fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_come_back() {
        let waiting = Waiting::new(2);
        let first = waiting.enter();
        let second = waiting.enter();
        assert!(first.is_some() && second.is_some());
        assert!(waiting.enter().is_none());
        drop(first);
        assert!(waiting.enter().is_some());
        assert_eq!(waiting.requests(), 1);
    }
}
