//! Behaviour of backups and of the replicator: one module per claim.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod a_full_disk_loses_nothing_answered;
mod any_calls_keep_the_memory_store_honest;
mod crashes;
mod explore;
mod faulty_dir;
mod file_rig;
mod file_store_conforms;
mod file_store_notices_damage;
mod file_store_on_a_real_disk;
mod file_store_starts_anew;
mod file_subject;
mod forged_records_are_no_marks;
mod frames_run_out_and_come_back;
mod heads_are_switched_in_order;
mod idle_journals_are_marked;
mod lost_replicas_are_made_up_for;
mod memory_store_conforms;
mod misdirected_frames_are_damage;
mod primaries_are_spread_evenly;
mod read_ahead_serves_loads;
mod read_rates_are_measured;
mod replicas_follow_the_log;
mod rig;
mod running;
mod the_sink_replicates_a_log;
