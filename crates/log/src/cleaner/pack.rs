//! How many segments entries fill, in a given order.

/// Counts segments that are filled one after the other, each to where the next entry does not fit.
///
/// Whoever then appends no more and no longer entries, in the same order, fills no more segments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packing {
    capacity: usize,
    room: usize,
    segments: u32,
}

impl Packing {
    /// Into empty segments, each with room for so many bytes of entries.
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, room: 0, segments: 0 }
    }

    /// The next entry. It fits an empty segment.
    pub(super) fn add(&mut self, bytes: usize) {
        if bytes > self.room {
            self.segments += 1;
            self.room = self.capacity;
        }
        self.room -= bytes;
    }

    /// Segments begun.
    pub(super) fn segments(&self) -> u32 {
        self.segments
    }

    /// Bytes from the first segment's start to the end of what is in the last, with the ends that are lost between.
    pub(super) fn bytes(&self) -> usize {
        self.segments as usize * self.capacity - self.room
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segments(sizes: impl IntoIterator<Item = usize>) -> u32 {
        let mut packing = Packing::new(100);
        sizes.into_iter().filter(|size| *size > 0).for_each(|size| packing.add(size));
        packing.segments()
    }

    #[test]
    fn segments_are_filled_one_after_the_other() {
        assert_eq!(segments([]), 0);
        assert_eq!(segments([100, 1, 99, 1]), 3);
        assert_eq!(segments([60, 60, 40]), 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// A pass relies on it: what dies meanwhile takes no more memory.
        #[test]
        fn less_never_fills_more(sizes in prop::collection::vec((1_usize..=100, 0_usize..=100), 0..60)) {
            let planned = segments(sizes.iter().map(|(size, _)| *size));
            let moved = segments(sizes.iter().map(|(size, left)| size * left / 100));
            prop_assert!(moved <= planned, "{moved} instead of {planned}");
        }
    }
}
