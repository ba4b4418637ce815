//! The clients of the run: they load, write, read, probe and verify, and every answer is checked.

mod books;
mod caller;
mod load;
mod probe;
mod traffic;
mod verify;
mod window;
mod zombie;

pub use books::Books;
pub use caller::Caller;
pub use load::load;
pub use probe::{Probes, Served};
pub use traffic::Traffic;
pub use verify::{Verified, verify};
use window::Window;
pub use zombie::Zombie;
