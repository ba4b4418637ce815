//! Which segments are worth cleaning.

use crate::log::{SegmentUse, with_ends};
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

/// The segments whose cleaning brings most for what it costs, as many as the budget allows: none, if that wins too
/// few. In the order of their worth.
///
/// Worth is (1 - u) * age / u, where u is the share of the segment that is alive: what is old stays as it is, so its
/// garbage is worth more than that of young segments, which make more by themselves (Rosenblum and Ousterhout, "The
/// design and implementation of a log-structured file system", section 3.5).
#[must_use]
pub fn choose_segments(segments: &[SegmentUse], now: LogTime, budget: Budget) -> Vec<SegmentId> {
    let capacity = u64::from(budget.segment_bytes);
    let mut worthy: Vec<&SegmentUse> = segments.iter().filter(|s| needed(s, budget) < capacity).collect();
    worthy.sort_by(|a, b| by_worth(a, b, now, budget).then(a.segment.cmp(&b.segment)));
    best_of(&worthy, budget)
}

/// What is needed of a segment, as it would fill survivors.
fn needed(segment: &SegmentUse, budget: Budget) -> u64 {
    with_ends(segment.live_bytes, segment.end_bytes, budget.segment_bytes).min(budget.segment_bytes.into())
}

/// Of those that begin with the first segment and go on with the next ones that fit, those that cost least for each
/// segment that is won. What is moved costs, and the end of a pass as much as moving a segment.
fn best_of(worthy: &[&SegmentUse], budget: Budget) -> Vec<SegmentId> {
    let capacity = u64::from(budget.segment_bytes);
    let most = u64::from(budget.survivors_max) * capacity;
    let (mut victims, mut sum) = (Vec::new(), 0);
    // How many, what they cost, and what they win.
    let mut best = (0, u64::MAX, 1);
    for segment in worthy {
        if victims.len() >= budget.victims_max as usize {
            break;
        }
        if sum + needed(segment, budget) > most {
            continue;
        }
        victims.push(segment.segment);
        sum += needed(segment, budget);
        let won = (victims.len() as u64).saturating_sub(sum.div_ceil(capacity));
        let cost = sum + capacity;
        let (_, least, by) = best;
        let is_cheaper = u128::from(cost) * u128::from(by) < u128::from(least) * u128::from(won);
        if won >= u64::from(budget.won_min).max(1) && is_cheaper {
            best = (victims.len(), cost, won);
        }
    }
    victims.truncate(best.0);
    victims
}

/// The worthier one first.
fn by_worth(a: &SegmentUse, b: &SegmentUse, now: LogTime, budget: Budget) -> Ordering {
    let free = |s: &SegmentUse| u128::from(u64::from(budget.segment_bytes) - needed(s, budget));
    let age = |s: &SegmentUse| u128::from(now.0.saturating_sub(s.youngest.0)) + 1;
    let live = |s: &SegmentUse| u128::from(needed(s, budget).max(1));
    // Compared without a division: worth a > worth b as fractions.
    Reverse(free(a) * age(a) * live(b)).cmp(&Reverse(free(b) * age(b) * live(a)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: u32 = 1 << 20;
    const BUDGET: Budget = Budget { segment_bytes: BYTES, survivors_max: 4, victims_max: 8, won_min: 1 };

    fn segment(id: u64, percent: u64, youngest: u32) -> SegmentUse {
        let live_bytes = u64::from(BYTES) * percent / 100;
        SegmentUse {
            segment: SegmentId(id),
            live_bytes,
            youngest: LogTime(youngest),
            ..SegmentUse::default()
        }
    }

    fn choose(segments: &[SegmentUse], survivors_max: u32) -> Vec<u64> {
        let budget = Budget { survivors_max, ..BUDGET };
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
        let worth = |s: &SegmentUse| by_worth(s, &segments[0], LogTime(1000), BUDGET);
        assert_eq!(worth(&segments[1]), Ordering::Less);
        let young = segment(2, 80, 900);
        assert_eq!(worth(&young), Ordering::Greater);
    }

    #[test]
    fn what_was_written_in_the_future_has_no_age() {
        // By a master whose clock was ahead.
        let worth = |a: u32, b: u32| by_worth(&segment(1, 60, a), &segment(2, 60, b), LogTime(1000), BUDGET);
        assert_eq!(worth(u32::MAX, 1000), Ordering::Equal);
        assert_eq!(worth(u32::MAX, 999), Ordering::Greater, "what is older goes first");
        assert_eq!(choose(&[segment(1, 0, u32::MAX)], 0), [1]);
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
            let budget = Budget { won_min, ..BUDGET };
            choose_segments(&segments, LogTime(0), budget).len()
        };
        assert_eq!([1, 2, 3].map(won), [4, 4, 0]);
    }

    #[test]
    fn full_ones_are_not_moved_along() {
        let segments: Vec<_> = (1..=7).map(|id| segment(id, if id < 3 { 0 } else { 95 }, 0)).collect();
        assert_eq!(choose(&segments, 8), [1, 2], "the others would cost as much as they bring");
    }

    #[test]
    fn ends_that_nothing_fits_into_are_not_won() {
        // Seven objects fill a segment to 7/8: eight such segments don't become seven.
        let end_bytes = BYTES / 8;
        let segments: Vec<_> = (1..=8).map(|id| SegmentUse { end_bytes, ..segment(id, 87, 0) }).collect();
        assert_eq!(choose(&segments, 8), [0; 0]);
        let segments: Vec<_> = segments.into_iter().map(|s| SegmentUse { end_bytes: 0, ..s }).collect();
        assert_eq!(choose(&segments, 8).len(), 8);
    }

    #[test]
    fn survivors_fit_the_budget() {
        let segments: Vec<_> = (1..=20).map(|id| segment(id, 40, 0)).collect();
        for survivors in 1..5_u32 {
            let chosen = choose(&segments, survivors).len() as u32;
            assert!(chosen * 40 <= survivors * 100 && chosen > survivors, "{chosen} into {survivors}");
        }
        let segments: Vec<_> = (1..=20).map(|id| segment(id, 10, 0)).collect();
        assert_eq!(choose(&segments, 20).len(), 8, "at most so many victims");
    }

    #[test]
    fn a_young_log_is_cleaned_by_garbage_alone() {
        let segments = [segment(1, 40, 1000), segment(2, 20, 1000), segment(3, 35, 2000)];
        assert_eq!(choose(&segments, 2), [2, 3, 1]);
    }
}
