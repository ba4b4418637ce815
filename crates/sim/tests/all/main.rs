//! Tests of the whole: one module per behaviour.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod a_zombie_serves_nothing_stale;
mod acknowledged_writes_survive_any_seed;
mod answers_wait_until_durable;
mod coordinator_restarts_at_every_record;
mod kept_store;
mod lone_master;
mod one_bad_link_kills_nobody;
mod one_seed_plays_one_run;
mod orders_about_ranges_are_carried_out_once;
mod rules;
mod tables_come_and_go_while_servers_die;
