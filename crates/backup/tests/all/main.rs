//! Behaviour of backups and of the replicator: one module per claim.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod memory_store_conforms;
mod running;
mod the_sink_replicates_a_log;
