//! What can happen next.

use crate::replicator::{CallId, FreeCall, Outcome, WriteCall};
use rekindle_types::SegmentId;

/// A step of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// The log appends to its newest head.
    Append,
    /// The log allocates the next head and closes the one before.
    Roll,
    /// The log frees what the current digest leaves out.
    Free(SegmentId),
    /// The call reaches its backup, which runs it. Late calls too.
    Run(CallId),
    /// The answer reaches the master.
    Answer(CallId),
    /// The master waits no longer (P1); the call may still run. A loss.
    Expire(CallId),
    /// The master learns that the outcome is unknown; the call may still run. A loss.
    Break(CallId),
    /// The coordinator stores the floor.
    RunFloor(usize),
    /// The answer reaches the master.
    AnswerFloor(usize),
    /// The outcome is unknown to the master; the call may still run. A loss.
    BreakFloor(usize),
    /// A backup is gone for good. A loss.
    Crash(usize),
    /// The master's server list says so.
    Tell(usize),
    /// Time passes.
    Tick,
}

/// What was sent to a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// A write.
    Write(WriteCall),
    /// A free.
    Free(FreeCall),
}

/// A call on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flight {
    /// The call.
    pub sent: Sent,
    /// What the backup answered, once it has run.
    pub outcome: Option<Outcome>,
    /// The master waits for the answer.
    pub is_awaited: bool,
}

/// A call to the coordinator on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloorFlight {
    /// What to store.
    pub floor: SegmentId,
    /// It was stored.
    pub is_run: bool,
    /// The master waits for the answer.
    pub is_awaited: bool,
}

impl Flight {
    /// Index of the backup that it goes to.
    #[must_use]
    pub fn backup(&self) -> usize {
        let server = match self.sent {
            Sent::Write(call) => call.server,
            Sent::Free(call) => call.server,
        };
        server.0 as usize - 1
    }
}
