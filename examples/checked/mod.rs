//! Checked calls: objects that anybody can check, an oracle of what must be found, and the clients' books.
//!
//! What `crash_recovery` and `stress` share.

mod books;
mod caller;
mod draw;
mod mix;
mod oracle;
mod values;
mod verify;

pub use books::Books;
pub use caller::{Caller, Ended, Kind, Outcome, Watch};
pub use draw::{Drawn, draw};
pub use mix::SplitMix;
pub use oracle::{Breach, Oracle, Seen};
pub use values::{Index, Number, Values};
pub use verify::{Verified, verify};
