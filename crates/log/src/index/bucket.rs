//! One cache line of slots.

use super::IndexRef;

/// Slots in a bucket.
pub(super) const SLOTS: usize = 8;
const REF_MASK: u64 = (1 << 48) - 1;

/// A slot: 16 bits of tag above 48 bits of reference; zero is empty. The last slot may link to a further bucket.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(u64);

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Empty,
    Entry { tag: u16, to: IndexRef },
    Link(u32),
}

impl Slot {
    pub(super) const EMPTY: Self = Self(0);

    #[inline]
    pub(super) fn entry(tag: u16, to: IndexRef) -> Self {
        Self(u64::from(tag) << 48 | to.bits())
    }

    #[inline]
    pub(super) fn link(bucket: u32) -> Self {
        assert!(bucket < 1 << 26, "no stripe overflows 64 M buckets");
        Self(IndexRef::END | u64::from(bucket))
    }

    #[inline]
    pub(super) fn content(self) -> Content {
        let bits = self.0 & REF_MASK;
        match bits {
            0 => Content::Empty,
            IndexRef::END.. => Content::Link((bits - IndexRef::END) as u32),
            _ => Content::Entry { tag: self.tag(), to: IndexRef::from_slot(bits) },
        }
    }

    #[inline]
    pub(super) fn tag(self) -> u16 {
        (self.0 >> 48) as u16
    }

    #[inline]
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// A cache line.
#[derive(Clone)]
#[repr(align(64))]
pub(super) struct Bucket(pub(super) [Slot; SLOTS]);

impl Bucket {
    pub(super) const EMPTY: Self = Self([Slot::EMPTY; SLOTS]);

    /// Slots with this tag, a bit each; empty ones and links may be among them. Without a branch per slot.
    #[inline]
    pub(super) fn matches(&self, tag: u16) -> u8 {
        self.0.iter().enumerate().fold(0, |bits, (i, slot)| bits | u8::from(slot.tag() == tag) << i)
    }

    /// The first empty slot. Without a branch per slot: how full a bucket is can't be predicted.
    #[inline]
    pub(super) fn first_empty(&mut self) -> Option<&mut Slot> {
        let empty =
            self.0.iter().enumerate().fold(0_u8, |bits, (i, slot)| bits | u8::from(slot.is_empty()) << i);
        self.0.get_mut(empty.trailing_zeros() as usize)
    }

    /// The further bucket, when this one was too small.
    #[inline]
    pub(super) fn next(&self) -> Option<u32> {
        match self.0[SLOTS - 1].content() {
            Content::Link(next) => Some(next),
            _ => None,
        }
    }
}

const _: () = assert!(size_of::<Bucket>() == 64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_tell_entries_from_links() {
        let highest = IndexRef::new(IndexRef::END - 1);
        assert_eq!(Slot::entry(0xffff, highest).content(), Content::Entry { tag: 0xffff, to: highest });
        assert_eq!(Slot::link((1 << 26) - 1).content(), Content::Link((1 << 26) - 1));
        assert_eq!(Slot::link(0).content(), Content::Link(0));
        assert_eq!(Slot::EMPTY.content(), Content::Empty);
    }
}
