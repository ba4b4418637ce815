//! One partition of a dead master, pulled from the backups and applied to a store.

mod config;
mod failure;
mod fill;
mod filling;
mod pull;
mod queue;

pub use config::ReplayConfig;
pub use failure::{ApplyError, LostSegment, ReplayFailure};
pub use filling::Filling;
pub use pull::ReplayTask;
