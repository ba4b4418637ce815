//! Threads for what computes for long.

use super::{panics::or_abort, threads::Threads};
use crate::Task;
use parking_lot::{Condvar, Mutex};
use std::{collections::VecDeque, io, sync::Arc};
use tokio::sync::oneshot;

/// Works that wait for a thread. Who gives heavy work waits for it, so only a defect fills this.
const WAITING_MAX: usize = 16_384;

struct Work {
    name: &'static str,
    body: Box<dyn FnOnce() + Send>,
    /// Dropped when the work is done.
    _done: oneshot::Sender<()>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Work>,
    is_stopping: bool,
}

#[derive(Default)]
struct Shared {
    /// A leaf.
    state: Mutex<State>,
    arrived: Condvar,
}

/// A fixed number of threads with one queue. Dropping it waits for the work that was given.
pub(super) struct HeavyPool {
    shared: Arc<Shared>,
    /// Joined once the pool's own drop has told them to end.
    threads: Threads,
}

impl HeavyPool {
    pub(super) fn start_threads(threads: usize, nice: i32) -> io::Result<Self> {
        let mut pool = Self { shared: Arc::default(), threads: Threads::default() };
        for number in 0..threads.max(1) {
            let shared = Arc::clone(&pool.shared);
            pool.threads.start(format!("heavy-{number}"), move || {
                // Refused to some by the system; then they run at the common priority.
                let _ = rustix::process::nice(nice);
                shared.run();
            })?;
        }
        Ok(pool)
    }

    pub(super) fn start(&self, name: &'static str, body: Box<dyn FnOnce() + Send>) -> Task {
        let (done, ended) = oneshot::channel();
        {
            let mut state = self.shared.state.lock();
            assert!(state.waiting.len() < WAITING_MAX, "{name}: heavy work is given faster than joined");
            state.waiting.push_back(Work { name, body, _done: done });
        }
        self.shared.arrived.notify_one();
        Task::new(|| {}, async move {
            let _ = ended.await;
        })
    }
}

impl Shared {
    fn next(&self) -> Option<Work> {
        let mut state = self.state.lock();
        loop {
            if let Some(work) = state.waiting.pop_front() {
                return Some(work);
            }
            if state.is_stopping {
                return None;
            }
            self.arrived.wait(&mut state);
        }
    }

    fn run(&self) {
        while let Some(Work { name, body, _done }) = self.next() {
            or_abort("heavy work", name, body);
        }
    }
}

impl Drop for HeavyPool {
    fn drop(&mut self) {
        self.shared.state.lock().is_stopping = true;
        self.shared.arrived.notify_all();
    }
}
