//! Runs beside each other, whose panics are findings.

use clap::Args;
use std::{num::NonZero, panic, thread};

#[derive(Args)]
pub struct Jobs {
    /// Runs at a time; by default one per core.
    #[arg(long)]
    jobs: Option<NonZero<usize>>,
}

impl Jobs {
    /// Does the work in so many threads; back when all have ended.
    pub fn run(&self, work: impl Fn() + Sync) {
        let cores = || thread::available_parallelism().map_or(1, NonZero::get);
        let jobs = self.jobs.map_or_else(cores, NonZero::get);
        quietly(|| {
            thread::scope(|scope| {
                for _ in 0..jobs {
                    scope.spawn(&work);
                }
            });
        });
    }
}

/// A run's panic is a finding like any other: it is told with the account of its run, and by nobody else.
pub fn quietly<T>(play: impl FnOnce() -> T) -> T {
    panic::set_hook(Box::new(|_| {}));
    let played = play();
    drop(panic::take_hook());
    played
}
