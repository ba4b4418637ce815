//! A frame and its way.

use super::call::FrameHead;
use rekindle_env::Time;

/// A frame on the simulated network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// When it left.
    pub sent: Time,
    /// Who sent it: a place in [`super::Trace::nodes`].
    pub from: u16,
    /// To whom.
    pub to: u16,
    /// On which kind of lane.
    pub lane: &'static str,
    /// Which call it is, or answers.
    pub head: FrameHead,
    /// Bytes of the whole frame.
    pub bytes: u32,
    /// Whether it is on its way once more.
    pub is_repeat: bool,
    /// Whether its lane broke behind it.
    pub breaks_lane: bool,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The receiver took it.
    Received(Time),
    /// It would have been there then, and nobody took it.
    UnderWay(Time),
    /// It was lost.
    Lost,
    /// It was lost since one of the two processes was dead.
    Unheard,
    /// It broke its lane.
    Reset,
    /// There was no lane to be had.
    NotConnected,
}
