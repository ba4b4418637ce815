//! Whether every service task still runs (F7).

use parking_lot::Mutex;
use rekindle_env::{Clock, Time};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

/// Notices service tasks that are stuck: a server that renews its lease although nothing behind works would
/// never be replaced.
pub struct Pulse {
    clock: Arc<dyn Clock>,
    stuck_after: Duration,
    /// Set once, when a task without which the server is of no use has ended.
    is_over: AtomicBool,
    /// When each watched task was last polled, in nanoseconds; gone with the task.
    beats: Mutex<Vec<Weak<AtomicU64>>>,
}

impl Pulse {
    /// Ticks per `stuck_after`: a healthy task is never taken for a stuck one.
    const TICKS: u32 = 4;

    /// Watches nothing yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, stuck_after: Duration) -> Self {
        Self { clock, stuck_after, is_over: AtomicBool::new(false), beats: Mutex::default() }
    }

    /// Runs a task under watch: it is polled several times per `stuck_after`, even when it has nothing to do. A
    /// poll that doesn't return, or an executor that does not come round, shows.
    pub fn watch<F: Future + Send>(&self, future: F) -> impl Future<Output = F::Output> + Send + use<F> {
        let beat = Arc::new(AtomicU64::new(self.clock.now().0));
        self.beats.lock().push(Arc::downgrade(&beat));
        let (clock, tick) = (self.clock.clone(), self.stuck_after / Self::TICKS);
        async move {
            let (mut future, mut nap) = (pin!(future), clock.sleep(tick));
            poll_fn(move |context| {
                // Relaxed: a plain sign of life, nothing else is read after it.
                beat.store(clock.now().0, Ordering::Relaxed);
                if let Poll::Ready(output) = future.as_mut().poll(context) {
                    return Poll::Ready(output);
                }
                // The nap goes on while the task is busy: to make a timer for every poll costs more than the poll.
                while nap.as_mut().poll(context).is_ready() {
                    nap = clock.sleep(tick);
                }
                Poll::Pending
            })
            .await
        }
    }

    /// A task without which the server is of no use has ended: better it is replaced.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::Release);
    }

    /// F7: whether every watched task was polled within `stuck_after`.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let now = self.clock.now();
        let mut is_alive = !self.is_over.load(Ordering::Acquire);
        self.beats.lock().retain(|beat| {
            let Some(beat) = beat.upgrade() else { return false };
            is_alive &= now.since(Time(beat.load(Ordering::Relaxed))) <= self.stuck_after;
            true
        });
        is_alive
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_env::memory::World;

    const STUCK_AFTER: Duration = Duration::from_secs(2);

    fn watched(world: &World, name: &str) -> (Arc<Pulse>, rekindle_env::Task) {
        let pulse = Arc::new(Pulse::new(world.node("keeper").env().clock, STUCK_AFTER));
        let idle = pulse.watch(std::future::pending::<()>());
        (pulse, world.node(name).env().spawn.spawn("idle", Box::pin(idle)))
    }

    #[test]
    fn a_task_that_only_waits_is_alive_and_one_that_is_not_polled_is_stuck() {
        let world = World::new(1);
        let (pulse, _task) = watched(&world, "service");
        world.run_for(STUCK_AFTER * 10);
        assert!(pulse.is_alive());
        world.node("service").pause();
        world.run_for(STUCK_AFTER / 2);
        assert!(pulse.is_alive());
        world.run_for(STUCK_AFTER);
        assert!(!pulse.is_alive());
        world.node("service").resume();
        world.run_until_idle();
        assert!(pulse.is_alive());
    }

    #[test]
    fn a_task_that_ended_is_not_missed_but_the_last_one_is() {
        let world = World::new(1);
        let (pulse, task) = watched(&world, "service");
        task.stop();
        world.run_for(STUCK_AFTER * 2);
        assert!(pulse.is_alive());
        pulse.end();
        assert!(!pulse.is_alive());
    }
}
