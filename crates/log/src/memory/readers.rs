//! Who is in a frame, and whether it may be entered.

use super::sync::{AtomicU64, Ordering};

/// The highest bit says that the frame is live, the others how many readers are in it.
///
/// All of it is one word, changed by read-modify-writes only. So its changes are in one order: a reader that enters after
/// the dismissal sees it and keeps off, and one that entered before is counted until it leaves. Who then finds
/// no live bit and no reader has the frame alone, until it admits readers again.
///
/// The count can't wrap: it has 63 bits, even for readers that are forgotten and so never leave.
#[repr(align(64))]
#[derive(Default)]
pub(super) struct Readers(AtomicU64);

const LIVE: u64 = 1 << 63;

impl Readers {
    /// Counts a reader if the frame is live. Acquire: it sees what was stored before [`Readers::admit`].
    #[inline]
    pub(super) fn enter(&self) -> bool {
        let is_live = self.0.fetch_add(1, Ordering::Acquire) & LIVE != 0;
        if !is_live {
            // Has read nothing, so nothing is to be released.
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
        is_live
    }

    /// Counts a further reader, live or not: for one who is in it already. Relaxed: it brings no news.
    #[inline]
    pub(super) fn enter_beside(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends a reader's stay. Release: its reads come before whatever follows [`Readers::have_left`].
    #[inline]
    pub(super) fn leave(&self) {
        self.0.fetch_sub(1, Ordering::Release);
    }

    /// Readers may enter from now on. An addition of a bit, not a store: some may just be finding the frame dead.
    pub(super) fn admit(&self) {
        self.0.fetch_or(LIVE, Ordering::Release);
    }

    /// No reader enters from now on. Relaxed: the pool's lock takes the news to those who look for readers.
    pub(super) fn dismiss(&self) {
        self.0.fetch_and(!LIVE, Ordering::Relaxed);
    }

    /// Whether the frame, dismissed before in the caller's sight, has no reader left. Acquire: it comes after all
    /// their reads.
    pub(super) fn have_left(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Views may be forgotten in safe code, so their number is bounded by patience only.
    #[test]
    fn more_readers_than_32_bits_hold_are_counted() {
        let readers = Readers(AtomicU64::new(LIVE | u64::from(u32::MAX)));
        assert!(readers.enter());
        readers.dismiss();
        assert!(!readers.have_left() && !readers.enter());
    }
}
