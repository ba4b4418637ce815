//! Which segments are worth cleaning.

use crate::log::SegmentUse;
use crate::segment::LogTime;
use rekindle_types::SegmentId;
use std::cmp::{Ordering, Reverse};

/// What a pass may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Bytes of a segment.
    pub segment_bytes: u32,
    /// Most survivors.
    pub survivors_max: u32,
    /// Most victims.
    pub victims_max: u32,
    /// Segments that have to be won.
    pub won_min: u32,
}

/// Of a segment, the sixteenth is left for the ends of survivors, which no entry fits.
const ENDS: u64 = 16;

/// The segments whose cleaning brings most for what it costs, as many as the budget allows: none, if that wins too
/// few. In the order of their worth.
///
/// Worth is (1 - u) * age / u, where u is the share of the segment that is alive: what is old stays as it is, so its
/// garbage is worth more than that of young segments, which make more by themselves (Rosenblum and Ousterhout, "The
/// design and implementation of a log-structured file system", section 3.5).
#[must_use]
pub fn choose_segments(segments: &[SegmentUse], now: LogTime, budget: Budget) -> Vec<SegmentId> {
    let capacity = u64::from(budget.segment_bytes);
    let live = |s: &SegmentUse| s.live_bytes.min(capacity);
    let mut worthy: Vec<&SegmentUse> = segments.iter().filter(|s| live(s) < capacity).collect();
    worthy.sort_by(|a, b| by_worth(a, b, now, capacity).then(a.segment.cmp(&b.segment)));
    let most = u64::from(budget.survivors_max) * (capacity - capacity / ENDS);
    let (mut chosen, mut sum) = (Vec::new(), 0);
    for segment in worthy {
        if chosen.len() >= budget.victims_max as usize {
            break;
        }
        if sum + live(segment) <= most {
            sum += live(segment);
            chosen.push(segment.segment);
        }
    }
    let survivors = sum.div_ceil(capacity - capacity / ENDS);
    let is_worth_it = survivors + u64::from(budget.won_min) <= chosen.len() as u64;
    if is_worth_it { chosen } else { Vec::new() }
}

/// The worthier one first.
fn by_worth(a: &SegmentUse, b: &SegmentUse, now: LogTime, capacity: u64) -> Ordering {
    let free = |s: &SegmentUse| u128::from(capacity - s.live_bytes.min(capacity));
    let age = |s: &SegmentUse| u128::from(now.0.saturating_sub(s.youngest.0)) + 1;
    let live = |s: &SegmentUse| u128::from(s.live_bytes.max(1));
    // Compared without a division: worth a > worth b as fractions.
    Reverse(free(a) * age(a) * live(b)).cmp(&Reverse(free(b) * age(b) * live(a)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: u32 = 1 << 20;

    fn segment(id: u64, percent: u64, youngest: u32) -> SegmentUse {
        let live_bytes = u64::from(BYTES) * percent / 100;
        SegmentUse { segment: SegmentId(id), live_bytes, youngest: LogTime(youngest) }
    }

    fn choose(segments: &[SegmentUse], survivors_max: u32) -> Vec<u64> {
        let budget = Budget { segment_bytes: BYTES, survivors_max, victims_max: 8, won_min: 1 };
        choose_segments(segments, LogTime(1000), budget).into_iter().map(|id| id.0).collect()
    }

    #[test]
    fn empty_ones_go_first_and_full_ones_stay() {
        let segments = [segment(1, 50, 900), segment(2, 0, 999), segment(3, 100, 0), segment(4, 30, 900)];
        assert_eq!(choose(&segments, 1), [2, 4, 1]);
    }

    #[test]
    fn old_garbage_is_worth_more_than_young() {
        // 80 % alive and 900 s old against 60 % and 100 s.
        let segments = [segment(1, 60, 900), segment(2, 80, 100)];
        let worth = |s: &SegmentUse| by_worth(s, &segments[0], LogTime(1000), u64::from(BYTES));
        assert_eq!(worth(&segments[1]), Ordering::Less);
        let young = segment(2, 80, 900);
        assert_eq!(worth(&young), Ordering::Greater);
    }

    #[test]
    fn what_wins_no_segment_is_left() {
        assert_eq!(choose(&[segment(1, 60, 0), segment(2, 60, 0)], 4), [0; 0], "two make two");
        assert_eq!(choose(&[segment(1, 60, 0), segment(2, 60, 0), segment(3, 60, 0)], 2), [1, 2, 3]);
        assert_eq!(choose(&[segment(1, 50, 0)], 4), [0; 0], "one makes one");
        assert_eq!(choose(&[segment(1, 0, 0)], 0), [1], "nothing survives: nothing is needed for it");
        assert_eq!(choose(&[], 4), [0; 0]);
    }

    #[test]
    fn what_wins_too_few_is_left() {
        let segments: Vec<_> = (1..=4).map(|id| segment(id, 45, 0)).collect();
        let won = |won_min| {
            let budget = Budget { segment_bytes: BYTES, survivors_max: 4, victims_max: 8, won_min };
            choose_segments(&segments, LogTime(0), budget).len()
        };
        assert_eq!([1, 2, 3].map(won), [4, 4, 0]);
    }

    #[test]
    fn survivors_fit_the_budget() {
        let segments: Vec<_> = (1..=20).map(|id| segment(id, 40, 0)).collect();
        for survivors in 1..5_u32 {
            let chosen = choose(&segments, survivors).len() as u32;
            assert!(chosen * 40 <= survivors * 100 && chosen > survivors, "{chosen} into {survivors}");
        }
        assert_eq!(choose(&segments, 20).len(), 8, "at most so many victims");
    }

    #[test]
    fn a_young_log_is_cleaned_by_garbage_alone() {
        let segments = [segment(1, 50, 1000), segment(2, 20, 1000), segment(3, 35, 2000)];
        assert_eq!(choose(&segments, 2), [2, 3, 1]);
    }
}
