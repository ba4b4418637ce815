//! The coordinator's orders, carried out.

mod book;
mod ranges;
mod replays;
mod service;

pub use book::{Begin, Entry, PartitionKey, Progress, ReplayBook};
pub use ranges::{RangeParts, Ranges};
pub use service::{Control, Neighbours};
