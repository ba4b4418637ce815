//! The seams to the world: time, randomness, tasks and disks, as traits.
//!
//! Nothing else in Rekindle's libraries touches a clock, a global random source, a thread or a file. A server
//! gets an [`Env`] and a transport; the simulator gives it others than a process does. With feature `memory` there
//! is a whole world of them in memory: one thread, a virtual clock, one seed, disks that forget. With feature `real`
//! there are those of a machine. Not in here: the network (`rekindle_cluster::wire::Transport`).
//!
//! Limits: time counts nanoseconds in 64 bits, which last 584 years; a disk in memory is as large as it is told.
//!
//! ```
//! # #[cfg(feature = "memory")] {
//! use rekindle_env::memory::World;
//! use std::time::Duration;
//!
//! let world = World::new(1);
//! let node = world.node("a");
//! let env = node.env();
//! world.block_on(async {
//!     env.dir.append("log", "kept".into()).await.unwrap();
//!     env.dir.sync_file("log").await.unwrap();
//!     env.dir.sync().await.unwrap();
//!     env.dir.append("log", ", forgotten".into()).await.unwrap();
//!     env.clock.sleep(Duration::from_secs(3600)).await; // at once: the clock jumps
//! });
//! node.kill();
//! let found = world.block_on(async { node.restart().dir.read("log").await });
//! assert_eq!(found.unwrap(), "kept");
//! # }
//! ```
#![forbid(unsafe_code)]

mod clock;
mod disk;
#[cfg(feature = "memory")]
pub mod memory;
#[cfg(any(feature = "memory", feature = "real"))]
mod name;
#[cfg(feature = "real")]
pub mod real;
mod task;

pub use clock::{Clock, Time};
pub use disk::{Device, Dir, DirLock, DiskError};
pub use task::{Spawn, Task};

use std::sync::Arc;

/// Uniform random bits. Everything drawn comes from one seed in a simulation.
pub trait Rng: Send + Sync {
    /// The next 64 bits.
    fn next_u64(&self) -> u64;

    /// A number below `bound`, which must not be zero. The bias is below 2^-32 for bounds below 2^32.
    fn below(&self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }
}

/// Everything that a server needs from the world, but the network.
#[derive(Clone)]
pub struct Env {
    /// Monotonic time.
    pub clock: Arc<dyn Clock>,
    /// Random bits.
    pub rng: Arc<dyn Rng>,
    /// Starts tasks.
    pub spawn: Arc<dyn Spawn>,
    /// Starts tasks that no other task may hold up: on a thread of their own, where there are threads (F7).
    pub urgent: Arc<dyn Spawn>,
    /// The data directory.
    pub dir: Arc<dyn Dir>,
}
