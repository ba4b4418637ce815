//! The coordinator's orders, carried out.

mod book;

pub use book::{Begin, Entry, PartitionKey, Progress, ReplayBook};
