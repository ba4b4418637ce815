//! What clients asked and what they were told, in one order.

mod call;
mod recorder;

pub use call::{Ask, Call, Moment, Told, ValueId};
pub use recorder::{Recorder, Ticket};
