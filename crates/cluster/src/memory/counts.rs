//! What has happened to frames so far.

use super::Fate;

/// Frames by their fates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkCounts {
    /// Sent from one living process to another.
    pub sent: u64,
    /// Lost without a word.
    pub lost: u64,
    /// Sent once and arrived twice.
    pub repeated: u64,
    /// Lanes reset.
    pub resets: u64,
    /// Lanes broken behind a frame that arrived late.
    pub breaks: u64,
}

impl NetworkCounts {
    pub(super) fn add(&mut self, fate: Fate) {
        self.sent += 1;
        match fate {
            // Whether it is repeated depends on what it is.
            Fate::Deliver { .. } | Fate::Twice { .. } => {}
            Fate::Lose => self.lost += 1,
            Fate::Reset => self.resets += 1,
            Fate::Break { .. } => self.breaks += 1,
        }
    }
}

impl std::ops::AddAssign for NetworkCounts {
    fn add_assign(&mut self, other: Self) {
        let Self { sent, lost, repeated, resets, breaks } = other;
        self.sent += sent;
        self.lost += lost;
        self.repeated += repeated;
        self.resets += resets;
        self.breaks += breaks;
    }
}
