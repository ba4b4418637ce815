//! Which entries of a range belong to its present life on this master (T2).

use parking_lot::RwLock;
use rekindle_types::{KeyHash, KeyRange, SegmentId, TableId};
use std::collections::BTreeMap;

/// While a range is being forgotten all of its entries are of former lives.
pub(super) const NONE: SegmentId = SegmentId(u64::MAX);

/// The first segments of the present lives of ranges: what is in older ones is dead, whatever it is. Ranges that are
/// not listed are in their first life. A leaf lock.
#[derive(Default)]
pub(super) struct Lives(RwLock<BTreeMap<(TableId, KeyHash), (KeyRange, SegmentId)>>);

impl Lives {
    /// Entries of the range below this segment are dead.
    pub(super) fn begin(&self, table: TableId, range: KeyRange, at: SegmentId) {
        let mut lives = self.0.write();
        let first = lives.range(..(table, range.first())).next_back();
        let from = first.filter(|((of, _), _)| *of == table).map_or((table, range.first()), |(at, _)| *at);
        let overlapping: Vec<_> = lives
            .range(from..=(table, range.last()))
            .filter(|(_, (other, _))| other.intersection(range).is_some())
            .map(|(key, life)| (*key, *life))
            .collect();
        for (key, (other, begun)) in overlapping {
            lives.remove(&key);
            for rest in other.without(range) {
                lives.insert((table, rest.first()), (rest, begun));
            }
        }
        lives.insert((table, range.first()), (range, at));
    }

    /// Whether an entry of this segment is of a former life.
    pub(super) fn is_former(&self, table: TableId, hash: KeyHash, segment: SegmentId) -> bool {
        let lives = self.0.read();
        let found = lives.range((table, KeyHash(0))..=(table, hash)).next_back();
        found.is_some_and(|(_, (range, begun))| range.contains(hash) && segment < *begun)
    }

    /// No segment below this one is left: lives that began there or before need no telling apart.
    pub(super) fn forget_below(&self, oldest: SegmentId) {
        self.0.write().retain(|_, (_, begun)| *begun > oldest);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.read().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: TableId = TableId(1);

    fn range(first: u64, last: u64) -> KeyRange {
        KeyRange::new(KeyHash(first), KeyHash(last)).unwrap()
    }

    fn former(lives: &Lives, hash: u64, segment: u64) -> bool {
        lives.is_former(TABLE, KeyHash(hash), SegmentId(segment))
    }

    #[test]
    fn what_a_range_had_before_is_former() {
        let lives = Lives::default();
        assert!(!former(&lives, 5, 1), "the first life");
        lives.begin(TABLE, range(10, 19), SegmentId(7));
        assert!(former(&lives, 10, 6) && former(&lives, 19, 6));
        assert!(!former(&lives, 10, 7) && !former(&lives, 9, 6) && !former(&lives, 20, 6));
        assert!(!lives.is_former(TableId(2), KeyHash(15), SegmentId(6)));
    }

    #[test]
    fn later_lives_of_parts_leave_the_rest() {
        let lives = Lives::default();
        lives.begin(TABLE, range(0, 99), SegmentId(5));
        lives.begin(TABLE, range(40, 59), SegmentId(9));
        let begun = |hash| (0..20).find(|segment| !former(&lives, hash, *segment)).unwrap();
        assert_eq!([0, 39, 40, 59, 60, 99, 100].map(begun), [5, 5, 9, 9, 5, 5, 0]);
        lives.begin(TABLE, range(50, 149), SegmentId(11));
        assert_eq!([0, 39, 40, 49, 50, 99, 149, 150].map(begun), [5, 5, 9, 9, 11, 11, 11, 0]);
        lives.begin(TABLE, range(0, 200), NONE);
        assert!(former(&lives, 150, u64::MAX - 1));
        assert_eq!(lives.len(), 1);
    }

    #[test]
    fn lives_are_forgotten_with_the_segments_before_them() {
        let lives = Lives::default();
        lives.begin(TABLE, range(0, 9), SegmentId(5));
        lives.begin(TABLE, range(10, 19), SegmentId(9));
        lives.begin(TABLE, range(20, 29), NONE);
        lives.forget_below(SegmentId(5));
        assert_eq!(lives.len(), 2);
        lives.forget_below(SegmentId(1000));
        assert_eq!(lives.len(), 1, "one that is being forgotten stays");
    }
}
