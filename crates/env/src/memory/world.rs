//! The handle that drives everything.

use super::{
    executor::{Core, Outcome},
    node::Node,
    rng::Stream,
    stuck::{Stuck, Why},
    trace::Event,
};
use crate::{Rng, Time};
use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

/// Which of the ready tasks is polled next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The one that was woken first.
    #[default]
    Fifo,
    /// One drawn from the seed: finds more interleavings.
    Random,
}

/// What a [`World`] is made from.
#[derive(Clone, Copy, Debug)]
pub struct WorldConfig {
    /// Everything random is drawn from it.
    pub seed: u64,
    /// Which of the ready tasks is polled next. Default: first woken.
    pub order: Order,
    /// Polls without the clock moving that count as a livelock. Default: 10 million.
    pub polls_max: u64,
    /// The virtual time at which [`World::block_on`] gives up. Default: a day.
    pub time_max: Time,
}

impl WorldConfig {
    /// The defaults, with this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let time_max = Time::default() + Duration::from_secs(24 * 60 * 60);
        Self { seed, order: Order::default(), polls_max: 10_000_000, time_max }
    }
}

/// What there is in a world: it grows for ever when something leaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Tasks that have not ended.
    pub tasks: usize,
    /// Timers that wait.
    pub timers: usize,
}

/// Nodes, their tasks and one virtual clock, on the thread that calls. Dropping it drops every task.
pub struct World(Arc<Core>);

impl World {
    /// A world that polls tasks in the order in which they were woken.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with(WorldConfig::new(seed))
    }

    /// A world as configured.
    #[must_use]
    pub fn with(config: WorldConfig) -> Self {
        Self(Core::new(config))
    }

    /// The node of this name, made when it is new.
    pub fn node(&self, name: &str) -> Node {
        Node::named(&self.0, name)
    }

    /// A random stream for this purpose, the same for the same seed and label whatever else is drawn.
    #[must_use]
    pub fn rng(&self, label: &str) -> Arc<dyn Rng> {
        Arc::new(Stream::fork(self.0.config.seed, label, u64::MAX))
    }

    /// The present virtual instant. It starts at zero.
    #[must_use]
    pub fn now(&self) -> Time {
        self.0.now()
    }

    /// Runs everything until `future` has resolved. The future may borrow; it belongs to no node.
    ///
    /// # Panics
    /// When it can't resolve: see [`World::try_block_on`].
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        match self.try_block_on(future) {
            Ok(output) => output,
            Err(stuck) => panic!("seed {}: {stuck}", self.0.config.seed),
        }
    }

    /// Runs everything until `future` has resolved.
    ///
    /// # Errors
    /// When nothing can run any more, tasks spin, or [`WorldConfig::time_max`] is over.
    pub fn try_block_on<T>(&self, future: impl Future<Output = T>) -> Result<T, Stuck> {
        let mut future = pin!(future);
        let (root, task_waker) = self.0.root();
        let waker = Waker::from(Arc::clone(&task_waker));
        task_waker.wake_by_ref();
        let mut output = None;
        let poll_root = || {
            task_waker.begin_poll();
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(value) => output = Some(value),
                Poll::Pending => {}
            }
            output.is_some()
        };
        let outcome = self.0.drive(self.0.config.time_max, Some(root), poll_root)?;
        match outcome {
            Outcome::Done => Ok(output.expect("the root has resolved")),
            Outcome::Idle if self.0.has_timers() => Err(self.0.stuck(Why::TimeMax)),
            Outcome::Idle => Err(self.0.stuck(Why::Deadlock)),
        }
    }

    /// Runs everything that happens up to `time` and leaves the clock there.
    ///
    /// # Panics
    /// When tasks spin without the clock moving.
    pub fn run_until(&self, time: Time) {
        self.run(time);
        self.0.idle_until(time);
    }

    /// Runs everything that happens within `duration`.
    ///
    /// # Panics
    /// When tasks spin without the clock moving.
    pub fn run_for(&self, duration: Duration) {
        self.run_until(self.now() + duration);
    }

    /// Polls until no task is ready. The clock does not move.
    ///
    /// # Panics
    /// When tasks spin.
    pub fn run_until_idle(&self) {
        self.run(self.now());
    }

    fn run(&self, until: Time) {
        if let Err(stuck) = self.0.drive(until, None, || false) {
            panic!("seed {}: {stuck}", self.0.config.seed);
        }
        debug_assert!(self.0.is_idle());
    }

    /// Tasks that have not ended, and timers that wait, of all nodes.
    #[must_use]
    pub fn census(&self) -> Census {
        self.0.census()
    }

    /// Adds a line of the caller's to the trace.
    pub fn note(&self, text: &str) {
        self.0.record(Event::Note(text));
    }

    /// For a simulated network, or whatever else brings events of its own into the trace.
    #[must_use]
    pub fn tracer(&self) -> Tracer {
        Tracer(Arc::clone(&self.0))
    }

    /// Shows `hook` every event from now on, instead of the hook before. It must not drive the world.
    pub fn trace(&self, hook: impl FnMut(Time, Event<'_>) + Send + 'static) {
        self.0.trace.hook(Some(Box::new(hook)));
    }

    /// A hash of all events so far, with their instants: equal runs have equal hashes.
    #[must_use]
    pub fn trace_hash(&self) -> u64 {
        self.0.trace.hash()
    }
}

/// Adds events to the trace of a [`World`].
#[derive(Clone)]
pub struct Tracer(Arc<Core>);

impl Tracer {
    /// The present virtual instant.
    #[must_use]
    pub fn now(&self) -> Time {
        self.0.now()
    }

    /// Adds the event at the present instant.
    pub fn record(&self, event: Event<'_>) {
        self.0.record(event);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.0.close();
    }
}
