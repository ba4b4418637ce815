//! What clients asked and what they were told, in one order.

mod call;
mod recorder;
mod table_call;

pub use call::{Ask, Call, Moment, Told, ValueId};
pub use recorder::{Recorder, TableTicket, Ticket};
pub use table_call::{TableAsk, TableCall, TableTold};
