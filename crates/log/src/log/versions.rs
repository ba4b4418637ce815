//! Versions of objects: one counter for every key of the log (V1).

use rekindle_types::{Rule, Rules, Version};
use std::sync::atomic::{AtomicU64, Ordering};

/// Versions that a head reserves beyond the counter.
const RESERVED: u64 = 1 << 32;

/// Gives versions out. `counter` and `reserved` are raised under the head lock when a head is made, in such an
/// order (Release, Acquire) that whoever takes a raised version sees its reservation. Anyone takes versions, without
/// the lock: one above the reservation is never given.
#[derive(Default)]
pub(super) struct Versions {
    counter: AtomicU64,
    reserved: AtomicU64,
    raise_to: AtomicU64,
}

impl Versions {
    /// The next version, if the newest head has reserved it.
    #[inline]
    pub(super) fn next(&self, rules: Rules) -> Option<Version> {
        let version = self.counter.fetch_add(1, Ordering::Acquire) + 1;
        // V1: a master never gives more than it reserved before the next head.
        (version <= self.reserved.load(Ordering::Relaxed) || !rules.on(Rule::V1)).then_some(Version(version))
    }

    /// The next head's reservation starts above this.
    pub(super) fn raise(&self, at_least: Version) {
        self.raise_to.fetch_max(at_least.0, Ordering::Relaxed);
    }

    /// Makes a reservation for a new head, returns its SafeVersion. Called under the head lock.
    pub(super) fn reserve(&self, rules: Rules) -> Version {
        // V1: the counter becomes the maximum of all that replay has seen before the head is made that commits it,
        // and the head's SafeVersion lies above all that this master may give until the next one.
        if !rules.on(Rule::V1) {
            return Version(self.counter.load(Ordering::Relaxed));
        }
        let raised = self.raise_to.load(Ordering::Relaxed);
        let counter = self.counter.load(Ordering::Relaxed).max(raised);
        let safe = counter.checked_add(RESERVED).expect("2^64 versions are never used up");
        // The reservation first: who gets a raised version finds it reserved. Its entry waits for the head lock,
        // so it goes to the new head.
        self.reserved.store(safe, Ordering::Relaxed);
        self.counter.fetch_max(raised, Ordering::Release);
        Version(safe)
    }
}
