//! What happened in a run: every event as a line of text, and what a person wants to see of it.

mod call;
mod digest;
mod incidents;
mod line;
mod message;
mod record;
mod state;
mod tap;

pub use call::FrameHead;
pub use incidents::{Incident, Incidents};
pub use line::write_line;
pub use message::{Fate, Message};
pub use record::{Happening, Trace};
pub use state::Standing;
pub(crate) use state::note_state;
pub(crate) use tap::WorldTap;
