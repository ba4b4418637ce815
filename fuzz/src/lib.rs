//! What the targets share: a limit on what a decoder allocates, segments with right checksums out of any bytes
//! or out of a script, and the comparison of a body with what it decodes to.

mod body;
mod limit;
mod page;
mod script;
mod segment;

pub use body::{body_of, canonical};
pub use limit::within;
pub use page::sealed_page;
pub use script::script;
pub use segment::{Sealing, seal_entries, segment};
