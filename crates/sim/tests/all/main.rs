//! Tests of the whole: one module per behaviour.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod a_cluster_comes_back_from_its_disks;
mod a_full_table_is_recovered_into_what_room_there_is;
mod a_zombie_serves_nothing_stale;
mod acknowledged_writes_survive_any_seed;
mod acknowledged_writes_survive_with_disks;
mod answers_wait_until_durable;
mod any_two_servers_may_die_together;
mod bad_histories_are_rejected;
mod coordinator_restarts_at_every_record;
mod every_kind_of_fault_strikes;
mod faults_of_every_profile_are_borne;
mod kept_store;
mod logs_are_cleaned_while_servers_die;
mod lone_master;
mod one_bad_link_kills_nobody;
mod one_seed_plays_one_run;
mod orders_about_ranges_are_carried_out_once;
mod recoveries_tell_how_far_they_are;
mod rules;
mod stored;
mod switched_off_rules_break_something;
mod tables_come_and_go_while_servers_die;
mod traces;
mod two_checkers_agree;
