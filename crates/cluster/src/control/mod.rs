//! The coordinator's orders, carried out.

mod book;
mod ranges;
mod replays;
mod service;

pub use book::{Entry, PartitionKey, Progress};
pub use ranges::{RangeParts, Ranges};
pub(crate) use service::Control;

use book::{Begin, ReplayBook};
