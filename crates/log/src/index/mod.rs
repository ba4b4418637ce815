//! Where each object is: from the hash of its key to a 48-bit reference into the log.
//!
//! 4,096 stripes by the top bits of the hash, so that a hash range is a run of stripes. The index keeps no keys:
//! who looks a key up compares it with the log's, entry by entry, among the few candidates. Decision and
//! measurements: docs/decisions/0004-index.md.

mod bucket;
mod counts;
mod image;
mod reference;
mod stripe;
mod table;

pub use counts::Count;
pub use image::BeforeImage;
pub use reference::IndexRef;
pub use stripe::{StripeContent, StripeRead, StripeWrite};
pub use table::SlotAt;

use rekindle_types::{KeyHash, KeyRange};
use std::ops::RangeInclusive;
use stripe::Stripe;

/// Number of stripes: also how finely an absence is told apart (V3).
pub const STRIPES: usize = 1 << STRIPE_BITS;
const STRIPE_BITS: u32 = 12;

/// A concurrent multimap from key hash to [`IndexRef`]. About 13 bytes per reference at any size.
pub struct Index {
    stripes: Box<[Stripe]>,
}

impl Default for Index {
    fn default() -> Self {
        Self::new()
    }
}

impl Index {
    /// An empty index; stripes allocate with their first reference.
    #[must_use]
    pub fn new() -> Self {
        Self { stripes: (0..STRIPES).map(Stripe::new).collect() }
    }

    /// Shares the stripe of `hash` with other readers.
    #[inline]
    pub fn read(&self, hash: KeyHash) -> StripeRead<'_> {
        self.stripes[stripe_of(hash)].read()
    }

    /// Holds the stripe of `hash` alone.
    #[inline]
    pub fn write(&self, hash: KeyHash) -> StripeWrite<'_> {
        self.stripes[stripe_of(hash)].write()
    }

    /// Starts to load the bucket of `hash` into the cache; a few of these ahead hide the memory's latency.
    #[inline]
    pub fn prefetch(&self, hash: KeyHash) {
        self.stripes[stripe_of(hash)].prefetch(hash);
    }

    /// Starts to load what the bucket of `hash` refers to: `touch` gets the candidates, unverified.
    #[inline]
    pub fn prefetch_entries(&self, hash: KeyHash, touch: impl FnMut(IndexRef)) {
        if let Some(stripe) = self.stripes[stripe_of(hash)].try_read() {
            stripe.candidates(hash).map(|(_, r)| r).for_each(touch);
        }
    }

    /// The numbers of the stripes that `range` touches.
    #[must_use]
    pub fn stripes_of(range: KeyRange) -> RangeInclusive<usize> {
        stripe_of(range.first())..=stripe_of(range.last())
    }

    /// The part of the hash space that stripe `number` holds.
    #[must_use]
    pub fn range_of(number: usize) -> KeyRange {
        let first = (number as u64) << (64 - STRIPE_BITS);
        KeyRange::new(KeyHash(first), KeyHash(first | (u64::MAX >> STRIPE_BITS))).expect("not empty")
    }

    /// Shares stripe `number` with other readers.
    pub fn read_stripe(&self, number: usize) -> StripeRead<'_> {
        self.stripes[number].read()
    }

    /// Holds stripe `number` alone.
    pub fn write_stripe(&self, number: usize) -> StripeWrite<'_> {
        self.stripes[number].write()
    }

    /// References held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stripes.iter().map(|s| s.read().len()).sum()
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stripes.iter().all(|s| s.read().len() == 0)
    }

    /// Bytes allocated for buckets and stripes.
    #[must_use]
    pub fn allocated_bytes(&self) -> usize {
        size_of_val(&*self.stripes) + self.stripes.iter().map(|s| s.read().allocated_bytes()).sum::<usize>()
    }
}

#[inline]
fn stripe_of(hash: KeyHash) -> usize {
    (hash.0 >> (64 - STRIPE_BITS)) as usize
}
