//! Tests of the world in memory and of the real one: one module per behaviour.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod a_directory_is_locked_whoever_removes_files;
mod directories_that_cannot_be_used_are_explained;
mod disk_calls_of_a_file_stay_in_order;
mod disk_fails_when_told_to;
mod disk_forgets_exactly_the_unsynced;
mod disks_in_memory_and_real_ones_agree;
mod disks_misdirect_and_halt;
mod kill_drops_the_tasks_of_the_node;
mod pauses_and_timers_are_traced;
mod polls_can_be_watched;
mod real_tasks_stop_and_join;
mod real_world;
mod same_seed_same_trace;
mod stuck_runs_say_why;
mod tasks_stop_and_join;
mod the_real_clock_counts_on;
mod time_jumps_to_the_next_timer;
mod wakes_are_not_lost;
