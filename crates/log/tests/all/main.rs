//! Behaviour of the log, one module per claim.

mod entries_become_durable;
mod rig;
mod side_logs_join_together_or_not_at_all;
