//! Which write comes next.

use super::{Seen, SplitMix};
use rekindle::{client::Condition, types::Version};

/// A write to one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn {
    /// Puts a new value.
    Put(Condition),
    /// Deletes.
    Delete(Condition),
}

/// A write of any kind to an object in this state; most of those with a condition hold, if nobody else writes.
pub fn draw(rng: &mut SplitMix, settled: Seen) -> Drawn {
    let stale = |version: Version| Condition::IfVersion(Version(version.0.wrapping_sub(1)));
    match (rng.below(20), settled) {
        (0..10, _) => Drawn::Put(Condition::Always),
        (10..13, Seen::Value(..)) => Drawn::Delete(Condition::Always),
        (13, Seen::Value(_, version)) => Drawn::Delete(Condition::IfVersion(version)),
        (14, Seen::Value(_, version)) => Drawn::Put(stale(version)),
        (15, Seen::Value(..)) => Drawn::Put(Condition::IfAbsent),
        (16, Seen::Value(..)) => Drawn::Put(Condition::IfPresent),
        (_, Seen::Value(_, version)) => Drawn::Put(Condition::IfVersion(version)),
        (10, Seen::Absent) => Drawn::Delete(Condition::Always),
        (11, Seen::Absent) => Drawn::Put(Condition::IfPresent),
        (_, Seen::Absent) => Drawn::Put(Condition::IfAbsent),
    }
}
