//! Whether every service task still runs (F7).

use futures_util::{FutureExt, select_biased};
use parking_lot::Mutex;
use rekindle_env::{Clock, Time};
use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Notices service tasks that are stuck: a server that renews its lease although nothing behind works would
/// never be replaced.
pub struct Pulse {
    clock: Arc<dyn Clock>,
    stuck_after: Duration,
    /// When each watched task was last polled, in nanoseconds; gone with the task.
    beats: Mutex<Vec<Weak<AtomicU64>>>,
}

impl Pulse {
    /// Ticks per `stuck_after`: a healthy task is never taken for a stuck one.
    const TICKS: u32 = 4;

    /// Watches nothing yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, stuck_after: Duration) -> Self {
        Self { clock, stuck_after, beats: Mutex::default() }
    }

    /// Runs a task under watch: it is polled several times per `stuck_after`, even when it has nothing to do. A
    /// poll that doesn't return, or an executor that does not come round, shows.
    pub fn watch<F: Future + Send>(&self, future: F) -> impl Future<Output = F::Output> + Send + use<F> {
        let beat = Arc::new(AtomicU64::new(self.clock.now().0));
        self.beats.lock().push(Arc::downgrade(&beat));
        let (clock, tick) = (self.clock.clone(), self.stuck_after / Self::TICKS);
        async move {
            let mut future = pin!(future.fuse());
            loop {
                // Relaxed: a plain sign of life, nothing else is read after it.
                beat.store(clock.now().0, Ordering::Relaxed);
                select_biased! {
                    output = future => return output,
                    () = clock.sleep(tick).fuse() => {}
                }
            }
        }
    }

    /// F7: whether every watched task was polled within `stuck_after`.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let now = self.clock.now();
        let mut is_alive = true;
        self.beats.lock().retain(|beat| {
            let Some(beat) = beat.upgrade() else { return false };
            is_alive &= now.since(Time(beat.load(Ordering::Relaxed))) <= self.stuck_after;
            true
        });
        is_alive
    }
}
