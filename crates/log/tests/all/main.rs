//! Behaviour of the log and of the store, one module per claim.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod a_crash_loses_nothing_acknowledged;
mod a_crash_while_cleaning_takes_nothing_back;
mod answers_depend_on_what_they_show;
mod appends_are_whole_or_refused;
mod cleaned_logs_equal_their_model;
mod cleaning_keeps_what_is_needed;
mod entries_become_durable;
mod formats_detect_every_damage;
mod full_logs_find_a_way_out;
mod growth_leaves_room_for_a_loss;
mod heads_switch_in_order;
mod reads_show_the_durable_state;
mod replay_in_any_order_gives_the_same_store;
mod rig;
mod scan_lists_each_object_once;
mod side_logs_join_together_or_not_at_all;
mod store_is_a_map;
mod stores;
mod threads_share_a_log;
mod threads_share_a_store;
mod versions_never_repeat;
