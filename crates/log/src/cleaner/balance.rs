//! Whether to clean, and how much at a time.

use super::{Budget, CleanerConfig};
use crate::log::MemoryUse;

/// What should be done about a log's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Nothing.
    Rest,
    /// A pass of this size.
    Clean(Budget),
}

/// While there is room, passes have so small a part of the segments in use for survivors: until their end that is memory
/// beside what they clean.
const SURVIVORS_PART: u32 = 32;
/// And at least so many, to win something.
const SURVIVORS_MIN: u32 = 2;

/// Segments that are not worth looking at: heads, and what fills beside them.
const FEW: u32 = 4;

/// Whether growth will soon wait for what is won: less is left for it than a sixteenth of what data may take.
#[must_use]
pub fn is_short(memory: &MemoryUse) -> bool {
    let in_all = memory.segments + memory.growth_left;
    memory.is_growth_closed || memory.growth_left <= (in_all / 16).max(2)
}

/// Decides about the next pass, while `passes` are under way. Cleaning begins when a sixteenth of what data may take is
/// left, or the log holds too much that is dead; the less is left, the less it matters that a pass costs more than it
/// wins.
#[must_use]
pub fn balance(memory: MemoryUse, passes: u32, config: &CleanerConfig) -> Wish {
    if passes >= config.passes_max || config.passes_max == 0 {
        return Wish::Rest;
    }
    let is_short = is_short(&memory);
    let held = u64::from(memory.segments.saturating_sub(FEW)) * u64::from(memory.segment_bytes);
    let is_sparse = memory.live_bytes * 100 < held * u64::from(config.alive_percent_min);
    if !is_short && !is_sparse {
        return Wish::Rest;
    }
    // While growth goes on, its memory is not the cleaner's. What is left is shared with passes to come.
    let most = if memory.is_growth_closed {
        memory.survivors_max
    } else {
        memory.survivors_max.min(memory.survivors_reserved)
    };
    let share = most / (config.passes_max - passes);
    let budget = |survivors_max| Budget {
        segment_bytes: memory.segment_bytes,
        survivors_max,
        victims_max: config.victims_max,
        // The end of a pass may cost a head before it is full. Who won no more than that would have to begin anew, for
        // ever.
        won_min: if memory.head_bytes >= memory.segment_bytes / 2 { 1 } else { 2 },
    };
    if !is_short {
        return Wish::Clean(budget(share.min((memory.segments / SURVIVORS_PART).max(SURVIVORS_MIN))));
    }
    // With nothing else under way, all of it: a small pass may not win anything.
    Wish::Clean(budget(if passes == 0 { most } else { share }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEGMENT: u32 = 1 << 20;

    fn memory(segments: u32, growth_left: u32, alive_percent: u64) -> MemoryUse {
        MemoryUse {
            segment_bytes: SEGMENT,
            segments,
            growth_left,
            is_growth_closed: growth_left == 0,
            live_bytes: u64::from(segments * SEGMENT) * alive_percent / 100,
            survivors_reserved: 8,
            survivors_max: 8 + growth_left,
            head_bytes: SEGMENT / 2,
        }
    }

    fn survivors(memory: MemoryUse, passes: u32) -> Option<u32> {
        match balance(memory, passes, &CleanerConfig::default()) {
            Wish::Rest => None,
            Wish::Clean(budget) => Some(budget.survivors_max),
        }
    }

    #[test]
    fn with_room_and_little_garbage_it_rests() {
        assert_eq!(survivors(memory(10, 90, 95), 0), None);
        assert_eq!(survivors(memory(80, 20, 80), 0), None);
        assert_eq!(survivors(memory(1, 99, 0), 0), None, "a fresh log");
    }

    #[test]
    fn it_begins_before_growth_is_refused() {
        assert_eq!(survivors(memory(93, 7, 90), 0), None);
        assert_eq!(survivors(memory(94, 6, 90), 0), Some(8));
        assert_eq!(survivors(memory(100, 0, 90), 0), Some(8));
    }

    #[test]
    fn much_garbage_is_cleaned_though_there_is_room() {
        assert_eq!(
            survivors(memory(50, 50, 60), 0),
            Some(2),
            "little memory beside, though more is set aside"
        );
        assert_eq!(survivors(memory(100, 100, 60), 0), Some(3));
        assert_eq!(
            survivors(memory(500, 500, 60), 0),
            Some(4),
            "half of the reserve, another pass may follow"
        );
    }

    #[test]
    fn a_pass_wins_more_than_the_head_that_it_costs() {
        let of = |head_bytes| match balance(
            MemoryUse { head_bytes, ..memory(100, 0, 60) },
            0,
            &CleanerConfig::default(),
        ) {
            Wish::Rest => None,
            Wish::Clean(budget) => Some(budget.won_min),
        };
        assert_eq!([0, SEGMENT / 4, SEGMENT / 2, SEGMENT].map(of), [Some(2), Some(2), Some(1), Some(1)]);
    }

    #[test]
    fn passes_share_and_are_few() {
        assert_eq!([0, 1].map(|passes| survivors(memory(100, 0, 60), passes)), [Some(8), Some(8)]);
        assert_eq!(survivors(memory(500, 500, 60), 1), Some(8));
        assert_eq!(survivors(memory(100, 0, 60), 2), None);
    }
}
