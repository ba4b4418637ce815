//! The world in memory: tasks, timers, nodes and disks on one thread, everything drawn from one seed.
//!
//! A [`World`] polls tasks one at a time and jumps its clock to the next timer when none is ready, so a minute
//! passes in microseconds and the same seed gives the same run, to the last poll and disk call. A [`Node`] is a
//! process on a machine: it can be killed (its tasks are dropped, its disk forgets what was not synced),
//! restarted on the same disk, and paused.
//!
//! Not in here: a network (a transport's matter), and time that passes while a task computes.
//!
//! ```
//! use rekindle_env::memory::World;
//! use std::time::Duration;
//!
//! let world = World::new(7);
//! let env = world.node("a").env();
//! world.block_on(env.clock.sleep(Duration::from_secs(60)));
//! assert_eq!(world.now().0, 60_000_000_000);
//! ```

mod disk;
mod env;
mod executor;
mod node;
mod ready;
mod rng;
mod skew;
mod stuck;
mod task;
mod timers;
mod trace;
mod watchers;
mod world;

pub use disk::{Crash, Disk, Halt, Misdirect, SECTOR_BYTES, SyncCounts};
pub use node::Node;
pub use stuck::{Stuck, Why};
pub use trace::Event;
pub use world::{Census, Order, Tracer, World, WorldConfig};

use std::{future::Future, task::Poll};

/// Runs `future` to its end in a fresh [`World`] of seed 0: for tests that need an executor and no world.
///
/// # Panics
/// When the future waits for something that nobody will bring.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    World::new(0).block_on(future)
}

/// Lets every other ready task go first, once.
pub async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(move |context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
