//! Recovery's behaviours: one module each.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod crashed;
mod discovery_model;
mod head_is_the_lowest_open_one_above_the_floor;
mod incomplete_logs_say_what_is_missing;
mod late_inventories_add_replicas_only;
mod lists;
mod log_and_replicator_outlive_faults;
mod plans_cover_what_was_owned;
mod plans_never_overcommit;
mod plans_use_every_master;
mod pulls_turn_to_other_replicas;
mod reads_go_to_the_fastest_primary;
mod what_was_written_comes_back;
