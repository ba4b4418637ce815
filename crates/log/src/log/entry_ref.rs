//! Where an entry lies in memory.

use crate::memory::Slot;
use std::fmt;

/// Names an entry in a log's memory in 48 bits: frame and offset. Good as long as the segment is in memory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryRef(u64);

const OFFSET_BITS: u32 = 26;
const _: () = assert!(crate::segment::CAPACITY_MAX as u64 <= 1 << OFFSET_BITS);

impl EntryRef {
    /// Bits that [`EntryRef::to_bits`] uses: those above are zero.
    pub const BITS: u32 = 48;

    #[inline]
    pub(crate) fn new(slot: Slot, offset: u32) -> Self {
        debug_assert!(offset < 1 << OFFSET_BITS && slot < 1 << (Self::BITS - OFFSET_BITS));
        Self(u64::from(slot) << OFFSET_BITS | u64::from(offset))
    }

    #[inline]
    pub(crate) fn slot(self) -> Slot {
        (self.0 >> OFFSET_BITS) as Slot
    }

    #[inline]
    pub(crate) fn offset(self) -> u32 {
        self.0 as u32 & ((1 << OFFSET_BITS) - 1)
    }

    /// As a number below 2^48.
    #[inline]
    #[must_use]
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// Back from a number; bits above the 48th are ignored.
    #[inline]
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        Self(bits & ((1 << Self::BITS) - 1))
    }
}

impl fmt::Debug for EntryRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}+{}", self.slot(), self.offset())
    }
}
