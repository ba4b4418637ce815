//! One storage server as the siege sees it.

use rekindle::{
    cluster::local::{CleanerReport, ClusterError},
    types::ServerId,
};
use std::{thread::JoinHandle, time::Instant};

/// A server's process.
pub enum State {
    /// It runs.
    Up,
    /// It is stopped, until then.
    Paused(Instant),
    /// It is dead, until then.
    Down(Instant),
    /// It is being started.
    Starting(JoinHandle<Result<ServerId, ClusterError>>),
}

/// A server, in all its lives.
pub struct Slot {
    /// How it is.
    pub state: State,
    /// Its newest id.
    pub id: ServerId,
    /// Whether all its segments had all their replicas at some time since the last death.
    pub is_healed: bool,
    /// What the cleaner of this life has done, when last looked.
    pub cleaner: CleanerReport,
    /// What those of former lives had.
    pub cleaners_before: u64,
    /// Starts that failed one after another.
    pub failures: u32,
}

impl Slot {
    /// One that runs.
    pub fn up(id: ServerId) -> Self {
        Self {
            state: State::Up,
            id,
            is_healed: true,
            cleaner: CleanerReport::default(),
            cleaners_before: 0,
            failures: 0,
        }
    }

    /// Its process is gone.
    pub fn down(&mut self, until: Instant) {
        self.state = State::Down(until);
        self.cleaners_before += self.cleaner.victims;
        self.cleaner = CleanerReport::default();
    }

    /// Segments cleaned in all its lives.
    pub fn segments_cleaned(&self) -> u64 {
        self.cleaners_before + self.cleaner.victims
    }

    /// For people.
    pub fn word(&self) -> &'static str {
        match self.state {
            State::Up => "up",
            State::Paused(_) => "stopped",
            State::Down(_) => "dead",
            State::Starting(_) => "starting",
        }
    }
}
