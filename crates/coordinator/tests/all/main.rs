//! Behaviour tests of the coordinator: one module per claim.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod a_million_operations_are_read_back_soon;
mod any_history_of_faults_settles;
mod appends_that_wait_share_a_sync;
mod crashing_dir;
mod damaged_meta_logs_are_refused;
mod death_needs_silence_or_unanswered_probes;
mod file_meta_log_conforms;
mod late_writes_of_others_do_no_harm;
mod lists_reach_who_missed_any_number_of_changes;
mod longer_leases_of_former_coordinators_are_waited_for;
mod members_come_and_go;
mod memory_meta_log_conforms;
mod no_bytes_make_the_decoder_panic;
mod no_reign_begins_on_a_broken_record;
mod partitions_are_cut_to_fit;
mod proof_of_death_ends_waits;
mod recoveries_wait_for_room;
mod recovery_brings_tablets_back;
mod restart_at_every_record_ends_in_the_same_state;
mod tables_are_made_and_dropped_once;
mod what_was_recorded_survives_a_crash_at_any_call;
