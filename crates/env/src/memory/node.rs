//! A process on a machine of its own.

use super::{
    disk::{Crash, Disk},
    env::{NodeClock, NodeSpawn},
    executor::Core,
    ready::TaskId,
    rng::Stream,
    skew::Skew,
    trace::Event,
    watchers::Polled,
};
use crate::{Env, Rng};
use std::{mem, sync::Arc, time::Duration};

/// What the executor knows of a node.
pub(super) struct NodeState {
    pub(super) name: Arc<str>,
    disk: Arc<Disk>,
    /// Grows at every kill: what an older one left behind can do nothing any more.
    incarnation: u64,
    is_up: bool,
    is_paused: bool,
    held: Vec<TaskId>,
    pub(super) skew: Skew,
    /// Of the present incarnation.
    stream: Arc<Stream>,
}

impl NodeState {
    pub(super) fn new(name: Arc<str>, disk: Arc<Disk>, seed: u64) -> Self {
        let stream = Arc::new(Stream::fork(seed, &name, 0));
        Self {
            stream,
            name,
            disk,
            incarnation: 0,
            is_up: true,
            is_paused: false,
            held: Vec::new(),
            skew: Skew::default(),
        }
    }

    pub(super) fn is_alive(&self, incarnation: u64) -> bool {
        self.is_up && self.incarnation == incarnation
    }

    /// Keeps a task that is ready back while the node is paused. Each task is in here at most once.
    pub(super) fn hold(&mut self, task: TaskId) -> bool {
        if self.is_paused {
            self.held.push(task);
        }
        self.is_paused
    }
}

/// A node of a [`super::World`]: a process that can be killed and started again, and its disk. Handles may be
/// cloned and kept by tasks of other nodes.
#[derive(Clone)]
pub struct Node {
    core: Arc<Core>,
    index: usize,
}

impl Node {
    /// The node of this name, made when it is new.
    pub(super) fn named(core: &Arc<Core>, name: &str) -> Self {
        let mut state = core.state.lock();
        let known = state.nodes.iter().position(|node| &*node.name == name);
        let index = known.unwrap_or_else(|| {
            let name: Arc<str> = name.into();
            let disk = Disk::new(Arc::downgrade(core), Arc::clone(&name), core.config.seed);
            state.nodes.push(NodeState::new(name, disk, core.config.seed));
            state.nodes.len() - 1
        });
        drop(state);
        Self { core: Arc::clone(core), index }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> Arc<str> {
        Arc::clone(&self.core.state.lock().nodes[self.index].name)
    }

    /// The world as the present process on this node sees it. All calls between two
    /// restarts share one random stream.
    ///
    /// # Panics
    /// When the node was killed: [`Node::restart`] starts it again.
    #[must_use]
    pub fn env(&self) -> Env {
        let state = self.core.state.lock();
        let node = &state.nodes[self.index];
        assert!(node.is_up, "node {} is dead: restart it first", node.name);
        let core = &self.core;
        let incarnation = node.incarnation;
        let spawn = Arc::new(NodeSpawn { core: Arc::clone(core), node: self.index, incarnation });
        Env {
            clock: Arc::new(NodeClock { core: Arc::clone(core), node: self.index }),
            rng: Arc::clone(&node.stream) as Arc<dyn Rng>,
            spawn: spawn.clone(),
            urgent: spawn,
            dir: node.disk.dir(),
        }
    }

    /// Whether it is up (a paused one is).
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.core.state.lock().nodes[self.index].is_up
    }

    /// Kills the process; its disk forgets everything that was not synced.
    pub fn kill(&self) {
        self.kill_with(Crash::DropUnsynced);
    }

    /// Kills the process: drops all its tasks, and lets the disk forget of what was not synced what `crash`
    /// says. From then on handles of the dead process change nothing. When a task of the node itself calls
    /// this, the tasks are dropped at the end of its present poll. A dead node stays as it is.
    pub fn kill_with(&self, crash: Crash) {
        let (name, disk) = {
            let mut state = self.core.state.lock();
            let node = &mut state.nodes[self.index];
            if !mem::replace(&mut node.is_up, false) {
                return;
            }
            node.incarnation += 1;
            node.is_paused = false;
            node.held.clear();
            (Arc::clone(&node.name), Arc::clone(&node.disk))
        };
        self.core.record(Event::Kill { node: &name });
        disk.crash(crash);
        self.core.bury(self.index);
    }

    /// Starts a new process on the same disk.
    ///
    /// # Panics
    /// When the node is up.
    pub fn restart(&self) -> Env {
        let name = {
            let mut state = self.core.state.lock();
            let node = &mut state.nodes[self.index];
            assert!(!node.is_up, "node {} is up: kill it first", node.name);
            node.is_up = true;
            node.stream = Arc::new(Stream::fork(self.core.config.seed, &node.name, node.incarnation));
            Arc::clone(&node.name)
        };
        self.core.record(Event::Restart { node: &name });
        self.env()
    }

    /// Polls none of its tasks until [`Node::resume`]. The clock goes on; messages and timers wait for it.
    pub fn pause(&self) {
        let mut state = self.core.state.lock();
        let node = &mut state.nodes[self.index];
        if !node.is_up || mem::replace(&mut node.is_paused, true) {
            return;
        }
        let name = Arc::clone(&node.name);
        drop(state);
        self.core.record(Event::Pause { node: &name });
    }

    /// Ends a pause.
    pub fn resume(&self) {
        let (name, held) = {
            let mut state = self.core.state.lock();
            let node = &mut state.nodes[self.index];
            if !mem::replace(&mut node.is_paused, false) {
                return;
            }
            (Arc::clone(&node.name), mem::take(&mut node.held))
        };
        self.core.record(Event::Resume { node: &name });
        self.core.release(held);
    }

    /// Sets its clock ahead, and lets it run faster (or slower, below zero) than the world's from now on. Default:
    /// the clock is the world's. Instants of two nodes with different clocks can't be compared, as in life.
    pub fn skew_clock(&self, ahead: Duration, drift_ppm: i32) {
        let mut state = self.core.state.lock();
        let now = state.now;
        state.nodes[self.index].skew.change(now, ahead, drift_ppm);
    }

    /// Its disk, to inject faults and to look at what happened.
    #[must_use]
    pub fn disk(&self) -> Arc<Disk> {
        Arc::clone(&self.core.state.lock().nodes[self.index].disk)
    }

    /// Resolves after the next poll of a task of one of these nodes of one world; other ready tasks may go first. Who
    /// looks that often sees steps that are over within one instant, or nearly.
    ///
    /// # Panics
    /// When there is no node.
    pub fn polled(nodes: &[Self]) -> impl Future<Output = ()> + use<> {
        let core = Arc::clone(&nodes.first().expect("some nodes").core);
        Polled::new(core, nodes.iter().map(|node| node.index).collect())
    }

    /// How many of its tasks have not ended.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.core.tasks_of(self.index)
    }
}
