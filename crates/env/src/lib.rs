#![doc = include_str!("../README.md")]
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
