//! What happened in a run: every event as a line of text, and what a person wants to see of it.

mod digest;
mod line;
mod tap;

pub use digest::state_digest;
pub use line::write_line;
pub(crate) use tap::WorldTap;
