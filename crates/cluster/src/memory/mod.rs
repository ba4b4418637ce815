//! A network in memory, with weather: delays, losses, repeats, resets, dead processes.
//!
//! Frames travel as the bytes that a real network would carry. The clock of the [`rekindle_env::Env`] drives every
//! delay and [`Weather`] decides every fate, so one seed gives one run.

mod counts;
mod endpoint;
mod lane;
mod network;
mod repeats;
mod tap;
mod weather;

pub use counts::NetworkCounts;
pub use endpoint::MemoryTransport;
pub use network::{BACKLOG_LANES, MemoryNetwork, QUEUE_BYTES, QUEUE_FRAMES};
pub use repeats::REPEATED;
pub use tap::{Message, NoTap, Passage, Tap};
pub use weather::{Calm, Fate, Weather};
