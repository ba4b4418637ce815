//! A network in memory, with weather: delays, losses, resets, dead processes.
//!
//! Frames travel as the bytes that a real network would carry. The clock of the [`rekindle_env::Env`] drives every
//! delay and [`Weather`] decides every fate, so one seed gives one run.

mod endpoint;
mod lane;
mod network;
mod tap;
mod weather;

pub use endpoint::MemoryTransport;
pub use network::{BACKLOG_LANES, MemoryNetwork, QUEUE_BYTES, QUEUE_FRAMES};
pub use tap::{Message, NoTap, Passage, Tap};
pub use weather::{Calm, Fate, Weather};
