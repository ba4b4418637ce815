//! Behaviour of the log, one module per claim.

mod a_crash_loses_nothing_acknowledged;
mod appends_are_whole_or_refused;
mod entries_become_durable;
mod formats_detect_every_damage;
mod heads_switch_in_order;
mod rig;
mod side_logs_join_together_or_not_at_all;
mod threads_share_a_log;
mod versions_never_repeat;
