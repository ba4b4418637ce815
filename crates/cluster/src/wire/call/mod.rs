//! Calls over lanes: both sides.

mod accept;
mod caller;
mod deadline;
mod dial;
mod gate;
mod peers;
mod serve;
mod stamps;

pub use accept::{ServeConfig, serve};
pub use caller::{CallError, Caller};
pub use gate::{Gate, Members, accept_hello};
pub use peers::{Peers, PeersConfig};
pub use serve::{LaneLimits, serve_lane};
pub use stamps::{NoStamps, Stamps};
