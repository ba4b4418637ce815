//! Versions of objects: one counter for every key of the log (V1).

use rekindle_types::{Rule, Rules, Version};

/// Versions that a head reserves beyond the counter.
const RESERVED: u64 = 1 << 32;

/// Gives versions out, under the head lock: none above what the newest head has reserved.
#[derive(Default)]
pub(super) struct Versions {
    counter: u64,
    reserved: u64,
    raise_to: u64,
}

impl Versions {
    /// The next version, if the newest head has reserved it.
    #[inline]
    pub(super) fn next(&mut self, rules: Rules) -> Option<Version> {
        // V1: a master never gives more than it reserved before the next head.
        if self.counter >= self.reserved && rules.on(Rule::V1) {
            return None;
        }
        self.counter += 1;
        Some(Version(self.counter))
    }

    /// The next head's reservation starts above this.
    pub(super) fn raise(&mut self, at_least: Version) {
        self.raise_to = self.raise_to.max(at_least.0);
    }

    /// Makes a reservation for a new head, returns its SafeVersion.
    pub(super) fn reserve(&mut self, rules: Rules) -> Version {
        // V1: the counter becomes the maximum of all that replay has seen before the head is made that commits it,
        // and the head's SafeVersion lies above all that this master may give until the next one.
        if rules.on(Rule::V1) {
            self.counter = self.counter.max(self.raise_to);
            self.reserved = self.counter.checked_add(RESERVED).expect("2^64 versions are never used up");
            return Version(self.reserved);
        }
        Version(self.counter)
    }
}
