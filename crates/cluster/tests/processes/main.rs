//! Clusters whose servers are processes.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod a_clean_stop_hands_the_lease_back;
mod a_cluster_is_reached_by_its_directory;
mod a_coordinator_killed_in_a_recovery_goes_on;
mod a_killed_servers_data_comes_back;
mod a_paused_server_serves_nothing_stale;
mod children_are_held_and_let_go;
mod children_end_with_their_parent;
mod cluster;
mod everything_comes_back_when_all_are_killed;
mod starts_that_can_not_work_say_why;
