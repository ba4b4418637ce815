//! What the index stores.

/// A reference of 48 bits, never zero: the log's business what it refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexRef(u64);

impl IndexRef {
    /// References are below this; above lie the links of overflowing buckets.
    pub const END: u64 = (1 << 48) - (1 << 26);

    /// # Panics
    /// When `bits` is zero or not below [`Self::END`].
    #[inline]
    #[must_use]
    pub fn new(bits: u64) -> Self {
        assert!(bits != 0 && bits < Self::END, "not a reference: {bits:#x}");
        Self(bits)
    }

    /// The number that it was made of.
    #[inline]
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// From a slot that holds one.
    #[inline]
    pub(super) const fn from_slot(bits: u64) -> Self {
        Self(bits)
    }
}
