//! The threads that wait for disks.

use super::{
    job::{self, Answer, Job},
    lanes::{Key, Lanes},
    rounds::Rounds,
};
use crate::{
    DiskError,
    real::{panics::or_abort, threads::Threads},
};
use parking_lot::{Condvar, Mutex};
use std::{any::Any, io, sync::Arc, thread};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Calls queued or running; more wait with their callers.
const CALLS_MAX: usize = 1_024;

/// A job.
struct Placed {
    job: Job,
    /// In the queue; given back when it has run.
    place: OwnedSemaphorePermit,
    round: u64,
}

#[derive(Default)]
struct State {
    lanes: Lanes<Placed>,
    /// What is to be dropped after jobs.
    rounds: Rounds<Box<dyn Any + Send>>,
    idle: usize,
    is_stopping: bool,
}

#[derive(Default)]
struct Shared {
    /// A leaf.
    state: Mutex<State>,
    arrived: Condvar,
}

/// What a call is in order with.
pub(super) enum Order {
    /// With the calls of a file, or of the directory.
    In(Key),
    /// With the calls of two files.
    Both(Key, Key),
    /// With nothing.
    Free,
}

/// Disk threads with one queue. Dropping it waits for the calls that were issued.
pub(super) struct DiskPool {
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
    /// Joined once the pool's own drop has told them to end.
    threads: Threads,
}

impl DiskPool {
    pub(super) fn start(threads: usize) -> io::Result<Self> {
        let places = Arc::new(Semaphore::new(CALLS_MAX));
        let mut pool = Self { shared: Arc::default(), places, threads: Threads::default() };
        for number in 0..threads.max(1) {
            let shared = Arc::clone(&pool.shared);
            pool.threads.start(format!("disk-{number}"), move || shared.run())?;
        }
        Ok(pool)
    }

    /// Issues a job, at the first poll if there is a place in the queue, and waits for its answer. Once issued it
    /// runs, even if nobody waits any more. Callers that wait for a place at the same time may overtake each other:
    /// the line must not stand still behind a future that nobody polls.
    pub(super) async fn call<T>(
        &self,
        order: Order,
        job: impl FnOnce(Answer<T>) -> Job,
    ) -> Result<T, DiskError> {
        // Unconstrained: a caller that has used up its turn would be sent away without a place in the line.
        let place = tokio::task::unconstrained(Arc::clone(&self.places).acquire_owned()).await;
        let place = place.expect("places are never closed");
        let (answer, answered) = oneshot::channel();
        self.shared.push(order, job(answer), place);
        answered.await.expect("each job is answered, or the process has ended")
    }

    /// Waits for the calls that were issued before, and for what is to be dropped after them.
    pub(super) async fn settled(&self) {
        let (end, ended) = oneshot::channel::<()>();
        self.shared.drop_last(Box::new(end));
        // It is dropped, not sent.
        let _ = ended.await;
    }

    /// A value that is dropped, after the handle was, once every call has run that had been issued until then.
    pub(super) fn last_of_all<T: Any + Send>(&self, value: T) -> LastOfAll<T> {
        LastOfAll { value: Some(value), shared: Arc::clone(&self.shared) }
    }
}

/// See [`DiskPool::last_of_all`].
pub(super) struct LastOfAll<T: Any + Send> {
    value: Option<T>,
    shared: Arc<Shared>,
}

impl<T: Any + Send> Drop for LastOfAll<T> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            self.shared.drop_last(Box::new(value));
        }
    }
}

/// A job that gives an answer of any kind.
pub(super) fn other<T: Send + 'static>(
    body: impl FnOnce() -> Result<T, DiskError> + Send + 'static,
) -> impl FnOnce(Answer<T>) -> Job {
    move |answer| {
        Job::Other(Box::new(move || {
            // Who asked may have gone.
            let _ = answer.send(body());
        }))
    }
}

impl Shared {
    fn drop_last(&self, value: Box<dyn Any + Send>) {
        let due = {
            let mut state = self.state.lock();
            state.rounds.wait(value);
            state.rounds.due()
        };
        drop(due);
    }

    fn push(&self, order: Order, job: Job, place: OwnedSemaphorePermit) {
        let must_wake = {
            let mut state = self.state.lock();
            let job = Placed { job, place, round: state.rounds.enter() };
            let lanes = &mut state.lanes;
            match order {
                Order::In(key) => lanes.push(key, job),
                Order::Both(key, with) => lanes.push_both(key, with, job),
                Order::Free => {
                    let key = lanes.free_key();
                    lanes.push(key, job);
                }
            }
            state.idle > 0 && state.lanes.ready() > 0
        };
        if must_wake {
            self.arrived.notify_one();
        }
    }

    fn run(&self) {
        let mut state = self.state.lock();
        loop {
            let Some(mut batch) = state.lanes.take() else {
                if state.is_stopping && state.lanes.is_empty() {
                    return;
                }
                state.idle += 1;
                self.arrived.wait(&mut state);
                state.idle -= 1;
                continue;
            };
            drop(state);
            let placed = batch.jobs.drain(..).map(|Placed { job, place, round }| (job, (place, round)));
            let (jobs, rest): (Vec<_>, Vec<_>) = placed.unzip();
            let (places, rounds): (Vec<_>, Vec<_>) = rest.into_iter().unzip();
            or_abort("disk call", thread::current().name().unwrap_or_default(), || job::run(jobs));
            drop(places);
            let due = {
                let mut state = self.state.lock();
                rounds.into_iter().for_each(|round| state.rounds.leave(round));
                state.rounds.due()
            };
            drop(due);
            state = self.state.lock();
            state.lanes.finish(&batch);
            // This thread takes one, others the rest; all see the end.
            if state.lanes.ready() > 1 {
                self.arrived.notify_one();
            } else if state.is_stopping && state.lanes.is_empty() {
                self.arrived.notify_all();
            }
        }
    }
}

impl Drop for DiskPool {
    fn drop(&mut self) {
        self.shared.state.lock().is_stopping = true;
        self.shared.arrived.notify_all();
    }
}
