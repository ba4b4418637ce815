//! Tests of the assembly's parts: one module per behaviour.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod a_client_sees_a_crash_as_latency;
mod a_dropped_table_is_forgotten;
mod a_killed_servers_data_comes_back;
mod a_removed_server_serves_nothing;
mod a_silent_coordinator_is_passed_over;
mod a_sleeping_call_holds_nobody_up;
mod bad_peers_cost_little;
mod broken_lanes_answer_unknown;
mod calls_reach_the_right_service;
mod damaged_frames_are_refused;
mod frames_are_seen_on_their_way;
mod frames_arrive_late_or_twice;
mod inventories_fit_a_frame;
mod lanes_to_dead_servers_are_closed;
mod late_orders_are_refused;
mod lost_frames_lose_no_write;
#[cfg(feature = "local")]
mod quic;
mod remote_backups_conform;
mod renewals_outlive_a_lost_dial;
mod samples;
mod small_cluster;
mod strangers_are_turned_away;
mod support;
mod unknown_callers_are_looked_up_first;
mod values_survive_the_wire;
mod writes_wait_for_backups;
