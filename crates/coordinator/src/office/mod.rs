//! The coordinator at work: calls in, orders out, everything of consequence through the meta log.

mod api;
mod changes;
mod coordinator;
mod core;
mod create_table;
mod discovery;
mod drop_table;
mod engine;
mod enlist;
mod failure;
mod handover;
mod list_push;
mod orders;
mod partition;
mod proof;
mod recover;
mod room;
mod scribe;
mod search;
mod sources;
mod status;
mod vigil;

pub use coordinator::{Coordinator, OpenError, Stopped};
pub use core::Servers;
