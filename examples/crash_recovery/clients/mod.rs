//! The clients of the run: they load, write, read, probe and verify, and every answer is checked.

mod load;
mod probe;
mod traffic;
mod window;
mod zombie;

pub use load::{load, turn_over};
pub use probe::{Probes, Served};
pub use traffic::Traffic;
pub use window::Window;
pub use zombie::Zombie;

use crate::{checked, objects::Objects};

/// Calls the table of the run.
pub type Caller = checked::Caller<Objects>;
