//! What happens to frames.

use crate::wire::LaneKind;
use std::time::Duration;

/// What becomes of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives.
    Deliver {
        /// After so long.
        after: Duration,
    },
    /// It never arrives, and nobody is told.
    Lose,
    /// It arrives, and what the protocol bears arrives once more: as when its caller has repeated it, and an earlier try
    /// comes last. Orders, calls to the coordinator and about recoveries may come again at any time; writes and frees of
    /// replicas right behind themselves, since a session has one lane, which keeps its order (P3). Nothing else is sent
    /// twice: clients' calls on objects and greetings never are. A call that comes again has a number of its own, so that its
    /// answer is never read for that of the first.
    Twice {
        /// First after so long.
        after: Duration,
        /// And again after so long, not less.
        again: Duration,
    },
    /// The lane breaks, both ways; what was under way on it is lost.
    Reset,
    /// The lane breaks behind the frame. Its sender sees that at once, and gets nothing more from it; the frame, and what was
    /// under way before it, still arrives, beside what is sent on the next lane.
    Break {
        /// After so long.
        after: Duration,
    },
}

/// Decides about every frame. Called once for each, in the order in which they are sent; never under a lock.
pub trait Weather: Send + Sync {
    /// The fate of a frame of `bytes`; of a dial when that is zero.
    fn fate(&self, from: &str, to: &str, lane: LaneKind, bytes: usize) -> Fate;

    /// Whether a frame never overtakes an earlier one of its lane, as on a stream.
    fn keeps_order(&self) -> bool {
        true
    }
}

/// Every frame arrives after the same time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Calm(pub Duration);

impl Weather for Calm {
    fn fate(&self, _: &str, _: &str, _: LaneKind, _: usize) -> Fate {
        Fate::Deliver { after: self.0 }
    }
}
