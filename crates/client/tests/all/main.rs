//! Behaviour of the client against scripted masters and coordinators: one module per behaviour.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod a_drop_means_one_table;
mod a_sleeping_call_holds_nobody_up;
mod an_unauthorised_client_is_told_at_once;
mod batches_retry_only_what_failed;
mod deadlines_end_every_call;
mod map_is_refreshed_once_for_all;
mod scans_list_every_object_once;
mod single_calls_travel_together;
mod support;
mod unknown_writes_are_not_repeated;
