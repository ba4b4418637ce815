//! What is to be done on the disk for one segment, in order, and who waits for it.

use super::{format::FrameHeader, frames::FrameIndex};
use crate::store::{
    BackupError, ReplicaWrite,
    replica::{Applied, Replica},
};
use bytes::Bytes;
use rekindle_log::Certificate;
use rekindle_types::CreationNumber;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};
use tokio::sync::oneshot;

/// One thing to do. Those of a segment are done one after another: what replaces a replica is durable before that
/// one is dropped, and a drop is durable before what replaced it can go.
#[derive(Debug)]
pub(super) enum Task {
    /// Append a record to the replica's journal, and sync it (J1).
    Record(Record),
    /// Append to the replica's journal how far it is synced, when it is idle (J2).
    Mark(CreationNumber),
    /// Write the replica, which takes nothing any more, to a fresh frame (J4).
    Image(CreationNumber),
    /// Take off the disk all that is there of the replica, so that no crash brings it back.
    Drop(CreationNumber),
    /// Nothing any more: keeps its place, so that the tickets of all others stay what they are.
    Nothing(CreationNumber),
}

/// A write that was taken, for the journal.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) creation: CreationNumber,
    pub(super) open: bool,
    pub(super) close: bool,
    pub(super) primary: bool,
    pub(super) capacity: u32,
    pub(super) offset: u32,
    pub(super) certificate: Option<Certificate>,
    pub(super) bytes: Bytes,
}

impl Record {
    /// What of a write is new.
    pub(super) fn of(write: &ReplicaWrite, is_open: bool, applied: &Applied) -> Self {
        Self {
            creation: write.replica.creation,
            open: is_open,
            close: applied.is_closed,
            primary: write.primary,
            capacity: write.capacity,
            offset: applied.offset,
            certificate: applied.certificate,
            bytes: write.bytes.slice(write.bytes.len() - applied.tail..),
        }
    }
}

impl Task {
    fn creation(&self) -> CreationNumber {
        match self {
            Self::Record(record) => record.creation,
            Self::Mark(creation) | Self::Image(creation) | Self::Drop(creation) | Self::Nothing(creation) => {
                *creation
            }
        }
    }
}

/// What is on the disk of one replica.
#[derive(Debug, Default)]
pub(super) struct OnDisk {
    pub(super) journal: Option<Journal>,
    pub(super) frame: Option<(FrameIndex, Arc<FrameHeader>)>,
}

impl OnDisk {
    /// Whether a crash brings it back closed.
    pub(super) fn is_closed(&self) -> bool {
        self.frame.is_some() || self.journal.is_some_and(|journal| journal.is_closed)
    }
}

/// A journal file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Journal {
    /// Sequence of its last record.
    pub(super) last: u64,
    /// Every record up to this one is synced (J2).
    pub(super) synced: u64,
    /// Its last record closes it.
    pub(super) is_closed: bool,
    /// The disk had no room for its next record: it takes no other.
    pub(super) is_full: bool,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    /// What is written; none when it is freed, which no write's failure hinders.
    creation: Option<CreationNumber>,
    answer: oneshot::Sender<Result<(), BackupError>>,
}

/// An answer to come.
pub(super) type Answer = oneshot::Receiver<Result<(), BackupError>>;

/// The work of one segment.
#[derive(Debug, Default)]
pub(super) struct Work {
    queue: VecDeque<Task>,
    /// Tasks ever put in; the number of one is its ticket.
    queued: u64,
    /// Tasks that are done.
    done: u64,
    /// Calls are answered when this one is done.
    needed: u64,
    /// Somebody is at it.
    pub(super) is_active: bool,
    /// The image at hand waits for a frame.
    pub(super) is_starved: bool,
    /// The drop at hand frees a frame.
    pub(super) is_freeing: bool,
    waiters: Vec<Waiter>,
    pub(super) disk: BTreeMap<CreationNumber, OnDisk>,
    /// What higher creations took the place of and is not dropped yet, to be put back when those find no room;
    /// without the replica when it was never answered for.
    pub(super) replaced: BTreeMap<CreationNumber, Option<Replica>>,
}

impl Work {
    /// Puts a task in; calls from here on, and that of whoever asks for an answer next, wait for it when `needed`.
    pub(super) fn push(&mut self, task: Task, is_needed: bool) {
        self.queue.push_back(task);
        self.queued += 1;
        if is_needed {
            self.needed = self.queued;
        }
    }

    /// Lets calls from here on wait for all that was put in so far.
    pub(super) fn need_all(&mut self) {
        self.needed = self.queued;
    }

    /// The answer to a call that has to wait for all that is needed so far; none when that is done.
    pub(super) fn answer(&mut self, creation: Option<CreationNumber>) -> Option<Answer> {
        if self.needed <= self.done {
            return None;
        }
        let (answer, receiver) = oneshot::channel();
        self.waiters.push(Waiter { ticket: self.needed, creation, answer });
        Some(receiver)
    }

    /// Takes the next task, or several records of one replica: one sync covers them.
    pub(super) fn take(&mut self) -> Vec<Task> {
        let Some(first) = self.queue.pop_front() else { return Vec::new() };
        let creation = first.creation();
        let mut taken = vec![first];
        if matches!(taken[0], Task::Record(_)) {
            let follows = |task: &Task| matches!(task, Task::Record(record) if record.creation == creation);
            while self.queue.front().is_some_and(follows) {
                taken.extend(self.queue.pop_front());
            }
        }
        taken
    }

    /// So many tasks are done: answers who waited for them.
    pub(super) fn finish(&mut self, tasks: usize) {
        self.done += tasks as u64;
        let done = self.done;
        for waiter in self.waiters.extract_if(.., |waiter| waiter.ticket <= done) {
            // Nobody listens when the call was dropped.
            let _ = waiter.answer.send(Ok(()));
        }
    }

    /// Gives up on the records of one replica.
    pub(super) fn drop_records(&mut self, creation: CreationNumber) {
        for task in &mut self.queue {
            if matches!(task, Task::Record(record) if record.creation == creation) {
                *task = Task::Nothing(creation);
            }
        }
    }

    /// Gives up on the records of one replica, and tells all who wait for it.
    pub(super) fn fail(&mut self, creation: CreationNumber, error: &BackupError) {
        self.drop_records(creation);
        self.refuse(creation, u64::MAX, error);
    }

    /// Refuses calls on a replica that wait for nothing beyond the task at hand.
    pub(super) fn refuse_now(&mut self, creation: CreationNumber, error: &BackupError) {
        self.refuse(creation, self.done + 1, error);
    }

    fn refuse(&mut self, creation: CreationNumber, up_to: u64, error: &BackupError) {
        let meant = |waiter: &mut Waiter| waiter.creation == Some(creation) && waiter.ticket <= up_to;
        for waiter in self.waiters.extract_if(.., meant) {
            let _ = waiter.answer.send(Err(error.clone()));
        }
    }

    /// Lets calls wait for the image of this replica, those on it that wait already too; it is put in when it is
    /// not there.
    pub(super) fn need_image(&mut self, creation: CreationNumber) {
        let is_it = |task: &Task| matches!(task, Task::Image(of) if *of == creation);
        if !self.queue.iter().any(is_it) {
            self.push(Task::Image(creation), false);
        }
        let behind = self.queue.iter().rev().take_while(|task| !is_it(task)).count();
        let ticket = self.queued - behind as u64;
        self.needed = self.needed.max(ticket);
        for waiter in self.waiters.iter_mut().filter(|waiter| waiter.creation == Some(creation)) {
            waiter.ticket = waiter.ticket.max(ticket);
        }
    }

    /// Takes out the drops that nobody waits for, to be put in again.
    pub(super) fn take_drops(&mut self) -> Vec<Task> {
        let first = self.queued - self.queue.len() as u64 + 1;
        let needed = self.needed;
        let waiting = (first..).zip(&mut self.queue).filter(|(ticket, _)| *ticket > needed);
        let mut drops = Vec::new();
        for (_, task) in waiting {
            if let Task::Drop(creation) = *task {
                drops.push(std::mem::replace(task, Task::Nothing(creation)));
            }
        }
        drops
    }

    /// The highest creation below this one that is whole, to count again: it is not dropped then.
    pub(super) fn take_back(&mut self, below: CreationNumber) -> Option<Replica> {
        let replaced = self.replaced.range(..below).map(|(creation, _)| *creation).collect::<Vec<_>>();
        let back = replaced.into_iter().rev().find_map(|creation| {
            let former = self.replaced.get_mut(&creation)?.take();
            let frame = self.disk.get(&creation).and_then(|disk| disk.frame.as_ref());
            frame.map(|(_, header)| Replica::in_frame(header)).or(former)
        })?;
        let creation = back.id.creation;
        self.replaced.remove(&creation);
        for task in &mut self.queue {
            if matches!(task, Task::Drop(of) if *of == creation) {
                *task = Task::Nothing(creation);
            }
        }
        Some(back)
    }

    /// Gives up on everything.
    pub(super) fn abandon(&mut self, error: &BackupError) {
        self.queue.clear();
        self.done = self.queued;
        for waiter in self.waiters.drain(..) {
            let _ = waiter.answer.send(Err(error.clone()));
        }
    }

    pub(super) fn has_tasks(&self) -> bool {
        !self.queue.is_empty()
    }

    pub(super) fn has_records(&self, of: CreationNumber) -> bool {
        self.queue.iter().any(|task| matches!(task, Task::Record(record) if record.creation == of))
    }

    /// Whether it frees a frame before it needs one itself.
    pub(super) fn frees_frame(&self, needs_frame: impl Fn(CreationNumber) -> bool) -> bool {
        let is_before = |task: &&Task| !matches!(task, Task::Image(of) if needs_frame(*of));
        let has_frame = |of| self.disk.get(of).is_some_and(|disk| disk.frame.is_some());
        let mut before = self.queue.iter().take_while(is_before);
        self.is_freeing
            || !self.is_starved && before.any(|task| matches!(task, Task::Drop(of) if has_frame(of)))
    }

    /// Whether this creation is on the disk, or was when another took its place.
    pub(super) fn knows(&self, creation: CreationNumber) -> bool {
        self.disk.contains_key(&creation) || self.replaced.contains_key(&creation)
    }

    /// Nothing to do, nothing on the disk, nobody waiting.
    pub(super) fn is_over(&self) -> bool {
        !self.is_active && self.queue.is_empty() && self.disk.is_empty() && self.waiters.is_empty()
    }
}
