//! A small model of all that surrounds a [`Replicator`](crate::Replicator): a log that appends and rolls,
//! backups, a network that delays and loses, a coordinator that keeps the floor, and what a recovery would find.
//!
//! It deals in lengths, not in bytes. Tests explore it, rule by rule or in full; nothing else uses it.
//!
//! Apart from that, [`filtered`]: the filter of a store by itself, to be fuzzed.

mod discovery;
mod filter;
mod log;
mod model;
mod moves;
mod store;

pub use discovery::Found;
pub use filter::filtered;
pub use log::{ModelHead, ModelLog};
pub use model::{Model, ModelConfig};
pub use moves::{Flight, FloorFlight, Move, Sent};
pub use store::{ModelReplica, ModelStore};
