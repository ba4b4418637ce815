//! Tests of the world in memory: one module per behaviour.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod disk_fails_when_told_to;
mod disk_forgets_exactly_the_unsynced;
mod kill_drops_the_tasks_of_the_node;
mod same_seed_same_trace;
mod stuck_runs_say_why;
mod tasks_stop_and_join;
mod time_jumps_to_the_next_timer;
mod wakes_are_not_lost;
