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
    /// The lane breaks, both ways; what was under way on it is lost.
    Reset,
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
