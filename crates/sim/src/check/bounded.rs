//! Does nothing grow without bound?

use crate::look::{Census, Look, ServerLook};
use rekindle_types::ServerId;

/// Heads beyond the memory that a log was given: in frames of their own (L2).
const EMERGENCY_SEGMENTS: u32 = 2;

/// Something is larger than it may be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{who} has {have} {what}, at most {most}")]
pub struct TooMany {
    /// Whose.
    pub who: String,
    /// Of what.
    pub what: &'static str,
    /// How many.
    pub have: usize,
    /// The bound.
    pub most: usize,
}

fn at_most(who: &dyn std::fmt::Display, what: &'static str, have: usize, most: usize) -> Result<(), TooMany> {
    if have <= most { Ok(()) } else { Err(TooMany { who: who.to_string(), what, have, most }) }
}

/// Checks one look, at any time: no log has more memory than it was given.
///
/// # Errors
/// The first server with too much.
pub fn check_bounded(look: &Look) -> Result<(), TooMany> {
    look.servers.iter().try_for_each(|server| {
        let most = server.segments_max + EMERGENCY_SEGMENTS;
        at_most(&server.server, "segments in memory", server.segments as usize, most as usize)
    })
}

/// What is left of all that happened, when clients have stopped and everything has settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// By server: what it counts, its lanes, its tasks.
    pub servers: Vec<LeftOnServer>,
    /// Tasks of the whole world that have not ended.
    pub tasks: usize,
    /// Timers of the whole world that wait.
    pub timers: usize,
}

/// What is left on one server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOnServer {
    /// Which.
    pub server: ServerId,
    /// What it counts itself.
    pub census: Census,
    /// Lanes to others that it keeps open.
    pub lanes: usize,
    /// Tasks that it owns.
    pub tasks: usize,
    /// Objects outside of its tablets.
    pub strays: usize,
}

impl LeftOnServer {
    /// What a look saw, and what is asked for beside it.
    #[must_use]
    pub fn of(look: &ServerLook, lanes: usize, tasks: usize, strays: usize) -> Self {
        Self { server: look.server, census: look.census, lanes, tasks, strays }
    }
}

/// Most that may be left.
#[derive(Clone, Copy, Debug)]
pub struct LeftMost {
    /// Lanes of a server: one of each kind to each other process.
    pub lanes: usize,
    /// Tasks that a server owns.
    pub tasks: usize,
    /// Tasks of the world.
    pub world_tasks: usize,
    /// Timers of the world.
    pub world_timers: usize,
}

/// Checks what is left: nobody waits, no side log and no replay stays, and of the rest there is no more than is bounded.
///
/// # Errors
/// The first thing that leaked.
pub fn check_left(left: &Left, most: LeftMost) -> Result<(), TooMany> {
    for LeftOnServer { server, census, lanes, tasks, strays } in &left.servers {
        at_most(server, "requests that wait", census.waiting, 0)?;
        at_most(server, "calls to backups in flight", census.calls, 0)?;
        at_most(server, "side logs that nobody commits or drops", census.side_logs, 0)?;
        at_most(server, "replays that it remembers", census.replays, 0)?;
        at_most(server, "objects outside of its tablets", *strays, 0)?;
        at_most(server, "lanes to others", *lanes, most.lanes)?;
        at_most(server, "tasks", *tasks, most.tasks)?;
    }
    at_most(&"the world", "tasks", left.tasks, most.world_tasks)?;
    at_most(&"the world", "timers", left.timers, most.world_timers)
}
