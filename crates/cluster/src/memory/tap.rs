//! Who looks at the network while frames pass.

use crate::wire::LaneKind;
use rekindle_env::Time;

/// Told of everything that happens to frames. Called under no lock; must not block.
pub trait Tap: Send + Sync {
    /// Something happened to a frame.
    fn message(&self, message: &Message<'_>);
}

/// Looks away.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTap;

impl Tap for NoTap {
    fn message(&self, _: &Message<'_>) {}
}

/// A frame, or a dial, and what happened to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Address of the sender.
    pub from: &'a str,
    /// Address of the receiver.
    pub to: &'a str,
    /// What the lane is for.
    pub lane: LaneKind,
    /// Tells lanes, and their two directions, apart: unique in the network. Zero for a dial.
    pub stream: u64,
    /// Its place among the frames that were queued there. Zero for one that was not.
    pub place: u64,
    /// The whole frame. Empty for a dial.
    pub frame: &'a [u8],
    /// What happened to it.
    pub passage: Passage,
}

/// What happened to a frame or a dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// Somebody wants a lane.
    Dialled,
    /// And does not get it.
    NotConnected,
    /// It is on its way.
    Sent {
        /// When it is there, if somebody still reads then.
        due: Time,
    },
    /// It is on its way once more.
    Repeated {
        /// When it is there, if somebody still reads then.
        due: Time,
    },
    /// The lane breaks behind it.
    LaneBroken,
    /// It is lost on its way, and nobody is told.
    Lost,
    /// It is lost since one of the two processes is dead.
    Unheard,
    /// It broke its lane.
    Reset,
    /// The receiver took it.
    Received,
}
