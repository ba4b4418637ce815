//! What is heard of one process.

use super::{Overheard, lease::Lease, loads::Loads, replicas::Done, sessions::Unanswered};
use parking_lot::Mutex;
use rekindle_cluster::wire::{Frame, Party};
use rekindle_env::Time;
use rekindle_types::{ListUpdate, ListVersion, LogId, ServerId, ServerList};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// A process that serves, from its start to its end.
pub(super) struct Process {
    /// The server's number: its disk outlives the process.
    pub(super) server: u32,
    pub(super) overheard: Arc<Overheard>,
    pub(super) lease: Mutex<Lease>,
    pub(super) done: Mutex<Done>,
    pub(super) unanswered: Mutex<Unanswered>,
    pub(super) loads: Loads,
    knows: Mutex<Knowledge>,
    lanes: AtomicU64,
}

/// What it has shown that it knows.
#[derive(Default)]
struct Knowledge {
    /// Its id, by the answer to its enlistment.
    id: Option<ServerId>,
    /// Versions of the server list that it has sent something under, and since when.
    lists: BTreeMap<ListVersion, Time>,
    /// Logs of which it has given an inventory, and since when.
    inventories: BTreeMap<LogId, Time>,
}

impl Process {
    pub(super) fn new(overheard: Arc<Overheard>, server: u32) -> Self {
        let (lease, done, unanswered, loads, knows, lanes) = Default::default();
        Self { server, overheard, lease, done, unanswered, loads, knows, lanes }
    }

    pub(super) fn now(&self) -> Time {
        self.overheard.clock.now()
    }

    /// A number that no other of its lanes has.
    pub(super) fn next_lane(&self) -> u64 {
        self.lanes.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn enlists(&self, id: ServerId, list: &ServerList) {
        self.overheard.hears_of(&ListUpdate::Full(list.clone()));
        self.knows.lock().id.get_or_insert(id);
    }

    pub(super) fn id(&self) -> Option<ServerId> {
        self.knows.lock().id
    }

    pub(super) fn party(&self) -> Party {
        self.id().map_or(Party::Newcomer, Party::Server)
    }

    /// It sends this: a list is told to all its parts before anything is sent under its version.
    pub(super) fn says(&self, frame: &Frame) {
        let version = frame.stamp.list;
        let lists = &mut self.knows.lock().lists;
        if lists.last_key_value().is_none_or(|(newest, _)| *newest < version) {
            lists.insert(version, self.now());
        }
    }

    /// It gives an inventory of this log.
    pub(super) fn fences(&self, log: LogId) {
        let now = self.now();
        self.knows.lock().inventories.entry(log).or_insert(now);
    }

    /// Since when it has to refuse what the log's master calls.
    pub(super) fn fenced(&self, log: LogId) -> Option<Time> {
        let asked = self.knows.lock().inventories.get(&log).copied();
        asked.into_iter().chain(self.knows_dead(log.server)).min()
    }

    /// Since when it has shown that it has a list in which the server is dead, or gone.
    pub(super) fn knows_dead(&self, server: ServerId) -> Option<Time> {
        let version = self.overheard.dead_since(server)?;
        self.knows.lock().lists.range(version..).next().map(|(_, since)| *since)
    }
}
