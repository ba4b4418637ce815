//! Checked runs: objects that anybody can check, an oracle of what must be found, the clients' books, and how a run ends.
//!
//! What `crash_recovery` and `stress` share.

mod books;
mod caller;
mod draw;
mod mix;
mod oracle;
mod run;
mod values;
mod verify;

pub use books::Books;
pub use caller::{Caller, Ended, Kind, Outcome, Watch};
pub use draw::{Drawn, draw};
pub use mix::SplitMix;
pub use oracle::{Breach, Oracle, Seen};
pub use run::{run, tell};
pub use values::{Index, Number, Values};
pub use verify::{Verified, verify};
