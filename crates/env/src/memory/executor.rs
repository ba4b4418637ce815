//! One thread polls the tasks of all nodes, in virtual time.
//!
//! Locks: `state` before the leaves (`ready`, streams). Futures, wakers and hooks are run and dropped outside
//! every lock, since their destructors come back in here.

use super::{
    node::NodeState,
    ready::{Ready, TaskId, TaskWaker},
    rng::Stream,
    stuck::{Stuck, Why},
    task::{BoxFuture, Ended, Slot, end_pair},
    timers::Timers,
    trace::{Event, Trace},
    watchers::Watchers,
    world::{Census, WorldConfig},
};
use crate::Time;
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    mem,
    sync::Arc,
    task::{Context, Wake, Waker},
};

/// What the handles of one world share.
pub(super) struct Core {
    pub(super) config: WorldConfig,
    pub(super) state: Mutex<State>,
    pub(super) trace: Trace,
    pub(super) watchers: Watchers,
    ready: Arc<Ready>,
    order: Stream,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) now: Time,
    pub(super) timers: Timers,
    pub(super) nodes: Vec<NodeState>,
    tasks: BTreeMap<TaskId, Slot>,
    spawned: u64,
    /// Node of the task that is polled now.
    polled: Option<usize>,
    /// Tasks of a node that was killed from inside: they end with the poll.
    graves: Vec<(TaskId, Slot)>,
    is_driven: bool,
    is_closed: bool,
}

/// How a run came to its end.
pub(super) enum Outcome {
    /// The root future has resolved.
    Done,
    /// No task is ready; no timer is due before the limit.
    Idle,
}

impl Core {
    pub(super) fn new(config: WorldConfig) -> Arc<Self> {
        let order = Stream::fork(config.seed, "order of polls", 0);
        let (state, trace, watchers, ready) = Default::default();
        Arc::new(Self { config, state, trace, watchers, ready, order })
    }

    pub(super) fn now(&self) -> Time {
        self.state.lock().now
    }

    pub(super) fn census(&self) -> Census {
        let state = self.state.lock();
        Census { tasks: state.tasks.len(), timers: state.timers.len() }
    }

    /// What the clock of the node shows; without one, the world's.
    pub(super) fn clock(&self, node: Option<usize>) -> Time {
        let state = self.state.lock();
        node.map_or(state.now, |node| state.nodes[node].skew.local(state.now))
    }

    pub(super) fn record(&self, event: Event<'_>) {
        self.trace.record(self.now(), event);
    }

    /// Makes a task of the node, unless that `incarnation` of it is dead: then the future is dropped.
    pub(super) fn spawn(
        self: &Arc<Self>,
        node: usize,
        incarnation: u64,
        name: &'static str,
        future: BoxFuture,
    ) -> (Ended, TaskId) {
        let (end, ended) = end_pair();
        let mut state = self.state.lock();
        state.spawned += 1;
        let task = TaskId(state.spawned);
        if state.is_closed || !state.nodes[node].is_alive(incarnation) {
            drop(state);
            drop(future);
            drop(end);
            return (ended, task);
        }
        let waker = TaskWaker::new(task, Arc::clone(&self.ready));
        let slot = Slot {
            future: Some(future),
            waker: Arc::clone(&waker),
            node,
            name,
            is_stopped: false,
            _end: end,
        };
        state.tasks.insert(task, slot);
        let node = Arc::clone(&state.nodes[node].name);
        drop(state);
        self.record(Event::Spawn { node: &node, task: task.0, name });
        waker.wake();
        (ended, task)
    }

    /// The task is dropped when its turn comes; it is not polled again.
    pub(super) fn stop(&self, task: TaskId) {
        let waker = self.state.lock().tasks.get_mut(&task).map(|slot| {
            slot.is_stopped = true;
            Arc::clone(&slot.waker)
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Drops the tasks of a node: now, or after the present poll when that is one of them.
    pub(super) fn bury(&self, node: usize) {
        let mut state = self.state.lock();
        let dead: Vec<TaskId> =
            state.tasks.iter().filter(|(_, slot)| slot.node == node).map(|(id, _)| *id).collect();
        let dead: Vec<(TaskId, Slot)> =
            dead.into_iter().filter_map(|id| Some((id, state.tasks.remove(&id)?))).collect();
        if state.polled == Some(node) {
            state.graves.extend(dead);
            return;
        }
        drop(state);
        self.end(dead);
    }

    fn end(&self, slots: Vec<(TaskId, Slot)>) {
        for (task, slot) in slots {
            drop(slot);
            self.record(Event::End { task: task.0 });
        }
    }

    /// Puts tasks that a paused node held back into the queue.
    pub(super) fn release(&self, held: Vec<TaskId>) {
        held.into_iter().for_each(|task| self.ready.push(task));
    }

    /// A waker that is no task's, for the future that drives the world.
    pub(super) fn root(&self) -> (TaskId, Arc<TaskWaker>) {
        let mut state = self.state.lock();
        state.spawned += 1;
        let id = TaskId(state.spawned);
        (id, TaskWaker::new(id, Arc::clone(&self.ready)))
    }

    /// Runs tasks and timers until `poll_root` says true, or nothing is left to do up to `until`.
    pub(super) fn drive(
        &self,
        until: Time,
        root: Option<TaskId>,
        mut poll_root: impl FnMut() -> bool,
    ) -> Result<Outcome, Stuck> {
        let _driving = Driving::begin(self);
        let mut polls = 0;
        loop {
            match self.ready.pop(self.config.order, &self.order) {
                Some(task) if Some(task) == root => {
                    self.record(Event::Poll { task: task.0 });
                    if poll_root() {
                        return Ok(Outcome::Done);
                    }
                }
                Some(task) => self.poll(task),
                None if self.advance(until) => polls = 0,
                None => return Ok(Outcome::Idle),
            }
            polls += 1;
            if polls > self.config.polls_max {
                return Err(self.stuck(Why::Livelock(self.config.polls_max)));
            }
        }
    }

    fn poll(&self, task: TaskId) {
        let Some((mut future, waker, noted)) = self.begin_poll(task) else { return };
        self.record(Event::Poll { task: task.0 });
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        let node = noted.index;
        drop(noted);
        self.watchers.polled(node);
        let mut state = self.state.lock();
        let mut dead = mem::take(&mut state.graves);
        if polled.is_ready() {
            dead.extend(state.tasks.remove(&task).map(|slot| (task, slot)));
        } else if let Some(slot) = state.tasks.get_mut(&task) {
            slot.future = Some(future);
            return;
        }
        drop(state);
        drop(future);
        self.end(dead);
    }

    /// Takes the task's future for a poll; not when it was stopped (then it ends here) or its node is paused.
    fn begin_poll(&self, task: TaskId) -> Option<(BoxFuture, Waker, PanicNote<'_>)> {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let slot = state.tasks.get_mut(&task)?;
        if slot.is_stopped {
            let slot = state.tasks.remove(&task)?;
            drop(guard);
            self.end(vec![(task, slot)]);
            return None;
        }
        if state.nodes[slot.node].hold(task) {
            return None;
        }
        slot.waker.begin_poll();
        let future = slot.future.take()?;
        let node = Arc::clone(&state.nodes[slot.node].name);
        let noted = PanicNote { core: self, index: slot.node, node, name: slot.name };
        state.polled = Some(slot.node);
        Some((future, Waker::from(Arc::clone(&slot.waker)), noted))
    }

    /// Moves the clock to the next timer if that is not after `until`, and wakes who waits for it.
    fn advance(&self, until: Time) -> bool {
        let mut state = self.state.lock();
        let Some(next) = state.timers.next().filter(|next| *next <= until) else { return false };
        state.now = state.now.max(next);
        let now = state.now;
        drop(state);
        self.trace.record(now, Event::Advance);
        loop {
            let due = self.state.lock().timers.take_due(now);
            match due {
                Some((number, waker)) => {
                    self.trace.record(now, Event::Timer { number });
                    waker.wake();
                }
                None => return true,
            }
        }
    }

    /// Moves the clock on when nothing happens before `time`.
    pub(super) fn idle_until(&self, time: Time) {
        let mut state = self.state.lock();
        debug_assert!(state.timers.next().is_none_or(|next| next > time));
        state.now = state.now.max(time);
    }

    pub(super) fn has_timers(&self) -> bool {
        self.state.lock().timers.next().is_some()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.ready.is_empty()
    }

    pub(super) fn stuck(&self, why: Why) -> Stuck {
        let state = self.state.lock();
        let tasks = state
            .tasks
            .iter()
            .map(|(id, slot)| format!("{}/{}#{}", state.nodes[slot.node].name, slot.name, id.0))
            .collect();
        Stuck { now: state.now, why, tasks }
    }

    pub(super) fn tasks_of(&self, node: usize) -> usize {
        self.state.lock().tasks.values().filter(|slot| slot.node == node).count()
    }

    /// Drops every task. What they spawn from their destructors is dropped too.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        let tasks = mem::take(&mut state.tasks);
        drop(state);
        self.end(tasks.into_iter().collect());
        self.trace.hook(None);
    }
}

/// Only one call drives a world at a time.
struct Driving<'a>(&'a Core);

impl<'a> Driving<'a> {
    fn begin(core: &'a Core) -> Self {
        let was_driven = mem::replace(&mut core.state.lock().is_driven, true);
        assert!(!was_driven, "the world is being run already: await in the task instead of running it again");
        Self(core)
    }
}

impl Drop for Driving<'_> {
    fn drop(&mut self) {
        self.0.state.lock().is_driven = false;
    }
}

/// Says which task panicked, if one does.
struct PanicNote<'a> {
    core: &'a Core,
    index: usize,
    node: Arc<str>,
    name: &'static str,
}

impl Drop for PanicNote<'_> {
    fn drop(&mut self) {
        self.core.state.lock().polled = None;
        if !std::thread::panicking() {
            return;
        }
        let (seed, now) = (self.core.config.seed, self.core.now());
        eprintln!("task {}/{} panicked at {now:?}, seed {seed}", self.node, self.name);
    }
}
