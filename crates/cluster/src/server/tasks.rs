//! The tasks that a server owns.

use parking_lot::Mutex;
use rekindle_env::{Env, Spawn, Task};
use std::{collections::BTreeMap, future::Future, mem, sync::Arc};
use tokio::sync::Notify;

/// Every task of a server. None outlives it: stopping or dropping this stops all of them.
pub struct Tasks {
    spawn: Arc<dyn Spawn>,
    urgent: Arc<dyn Spawn>,
    state: Arc<Mutex<State>>,
    alive: Arc<Alive>,
}

/// How many futures have not been dropped yet: those of tasks that were stopped, too.
#[derive(Default)]
struct Alive {
    count: Mutex<usize>,
    last_gone: Notify,
}

/// Goes with its task's future.
struct Life(Arc<Alive>);

impl Life {
    fn begin(alive: &Arc<Alive>) -> Self {
        *alive.count.lock() += 1;
        Self(Arc::clone(alive))
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let is_last = {
            let mut count = self.0.count.lock();
            *count -= 1;
            *count == 0
        };
        if is_last {
            self.0.last_gone.notify_waiters();
        }
    }
}

#[derive(Default)]
struct State {
    next: u64,
    running: BTreeMap<u64, Task>,
    /// Ended by themselves; their handles go when the next task starts.
    ended: Vec<u64>,
    is_stopped: bool,
}

impl Tasks {
    /// No tasks yet.
    #[must_use]
    pub fn new(env: &Env) -> Self {
        Self {
            spawn: env.spawn.clone(),
            urgent: env.urgent.clone(),
            state: Arc::default(),
            alive: Arc::default(),
        }
    }

    /// Starts a task, unless all were stopped: then `future` is dropped.
    pub fn start(&self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
        self.start_on(&*self.spawn, name, future);
    }

    /// Starts a task that no other may hold up (F7), unless all were stopped.
    pub fn start_urgent(&self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
        self.start_on(&*self.urgent, name, future);
    }

    fn start_on(
        &self,
        spawn: &dyn Spawn,
        name: &'static str,
        future: impl Future<Output = ()> + Send + 'static,
    ) {
        let (id, ended) = {
            let mut state = self.state.lock();
            if state.is_stopped {
                return;
            }
            let id = state.next;
            state.next += 1;
            (id, state.reap())
        };
        drop(ended);
        let done = self.state.clone();
        // One value: its parts are dropped in this order, also if it never runs.
        let whole = (future, Life::begin(&self.alive));
        let task = spawn.spawn(
            name,
            Box::pin(async move {
                let whole = whole;
                let (future, _life) = whole;
                future.await;
                done.lock().ended.push(id);
            }),
        );
        let mut state = self.state.lock();
        if !state.is_stopped {
            state.running.insert(id, task);
        }
    }

    /// How many run.
    #[must_use]
    pub fn running(&self) -> usize {
        let mut state = self.state.lock();
        let ended = state.reap();
        let running = state.running.len();
        drop(state);
        drop(ended);
        running
    }

    /// Stops all of them, each at its next await, and starts none any more.
    pub fn stop(&self) {
        let running = {
            let mut state = self.state.lock();
            state.is_stopped = true;
            mem::take(&mut state.running)
        };
        // Outside the lock: stopping may drop a task's future, whose drop may end here again.
        drop(running);
    }

    /// Stops all of them and waits until what they held is free. Not to be called by one of them.
    pub async fn stopped(&self) {
        self.stop();
        loop {
            let gone = self.alive.last_gone.notified();
            if *self.alive.count.lock() == 0 {
                return;
            }
            gone.await;
        }
    }
}

impl State {
    /// A task on another thread may have ended before its handle was put away: its turn comes later.
    fn reap(&mut self) -> Vec<Task> {
        let (ended, early): (Vec<u64>, _) =
            mem::take(&mut self.ended).into_iter().partition(|id| self.running.contains_key(id));
        self.ended = early;
        ended.iter().filter_map(|id| self.running.remove(id)).collect()
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use rekindle_env::memory::World;
    use std::{
        pin::Pin,
        sync::OnceLock,
        task::{Context, Waker},
    };

    /// Another thread: the task ends, and others are looked after, before the call returns.
    #[derive(Default)]
    struct Elsewhere(OnceLock<Arc<Tasks>>);

    impl Spawn for Elsewhere {
        fn spawn(&self, _: &'static str, mut future: Pin<Box<dyn Future<Output = ()> + Send>>) -> Task {
            assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
            assert_eq!(self.0.get().expect("it was set").running(), 0);
            Task::new(|| {}, async {})
        }

        fn heavy(&self, _: &'static str, _: Box<dyn FnOnce() + Send>) -> Task {
            unreachable!("nothing heavy here")
        }
    }

    type Kept = Arc<Mutex<Vec<Pin<Box<dyn Future<Output = ()> + Send>>>>>;

    /// A thread that is busy: it drops what was stopped when it gets to it.
    struct Busy(Kept);

    impl Spawn for Busy {
        fn spawn(&self, _: &'static str, future: Pin<Box<dyn Future<Output = ()> + Send>>) -> Task {
            self.0.lock().push(future);
            Task::new(|| {}, async {})
        }

        fn heavy(&self, _: &'static str, _: Box<dyn FnOnce() + Send>) -> Task {
            unreachable!("nothing heavy here")
        }
    }

    #[test]
    fn what_tasks_held_is_free_when_they_have_stopped() {
        let kept = Kept::default();
        let env = World::new(1).node("a").env();
        let tasks = Tasks::new(&Env { spawn: Arc::new(Busy(kept.clone())), ..env });
        let held = Arc::new(());
        for _ in 0..2 {
            let held = held.clone();
            tasks.start("holder", async move {
                std::future::pending::<()>().await;
                drop(held);
            });
        }
        // Stopped before, as a reign stops its own tasks.
        tasks.stop();
        let mut stopped = Box::pin(tasks.stopped());
        let polled = kept.lock().pop();
        polled.map(|mut one| one.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        assert_eq!((&mut stopped).now_or_never(), None);
        let last = kept.lock().pop();
        drop(last);
        assert_eq!((stopped.now_or_never(), Arc::strong_count(&held)), (Some(()), 1));
    }

    #[test]
    fn a_task_that_ends_before_its_handle_is_there_is_not_kept() {
        let elsewhere = Arc::new(Elsewhere::default());
        let env = World::new(1).node("a").env();
        let tasks = Arc::new(Tasks::new(&Env { spawn: elsewhere.clone(), ..env }));
        let _ = elsewhere.0.set(tasks.clone());
        tasks.start("short", async {});
        assert_eq!(tasks.running(), 0);
    }
}
