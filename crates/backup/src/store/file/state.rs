//! What a store knows, under its one lock.

use super::{
    config::{Durability, FileStoreConfig},
    format::{FrameHeader, Superblock},
    frames::FrameIndex,
    restore::Damage,
    work::{Answer, Record, Task, Work},
};
use crate::store::{
    BackupError, Fill, Misfit, ReplicaFree, ReplicaWrite,
    membership::Membership,
    read_ahead::ReadAhead,
    session::Sessions,
    shelf::{Effect, Shelf},
};
use rekindle_types::{CreationNumber, LogId, ReplicaId, SegmentId, ServerList};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

/// Names the work of a segment.
pub(super) type Key = (LogId, SegmentId);

/// Everything that changes. Calls change it at once and wait for the disk outside of the lock: so an inventory
/// shows every write that was taken before it fenced the log, and may yet be acknowledged (F1).
#[derive(Debug)]
pub(super) struct State {
    pub(super) superblock: Superblock,
    pub(super) membership: Membership,
    pub(super) sessions: Sessions,
    pub(super) shelf: Shelf,
    pub(super) read_ahead: ReadAhead,
    /// Replicas that are being read and filtered for all partitions of their plan.
    pub(super) reading: BTreeSet<ReplicaId>,
    pub(super) work: BTreeMap<Key, Work>,
    /// Segments with work that nobody is at.
    pub(super) ready: VecDeque<Key>,
    /// Frames that hold no replica: no header is there, durably.
    pub(super) free_frames: BTreeSet<FrameIndex>,
    /// Closed replicas that the disk has no room for beside their journals.
    pub(super) kept_for_later: Vec<ReplicaId>,
    /// Images written so far in this start.
    pub(super) images: u64,
    /// Replicas that this store can't vouch for, and why.
    pub(super) damaged: BTreeMap<ReplicaId, Damage>,
    /// Frames found with a header that can't be read.
    pub(super) unreadable: Vec<Damage>,
    pub(super) poisoned: Option<String>,
    pub(super) is_closing: bool,
    /// Bytes per second.
    pub(super) read_rate: u64,
}

impl State {
    /// Refuses when nothing that is written now can be vouched for.
    pub(super) fn vouch(&self) -> Result<(), BackupError> {
        match &self.poisoned {
            Some(why) => Err(BackupError::Poisoned(why.clone())),
            None if self.is_closing => Err(BackupError::NotReady("this backup is being stopped".into())),
            None => Ok(()),
        }
    }

    /// Nothing that was not answered yet ever will be, and nothing is written any more.
    pub(super) fn poison(&mut self, why: String) {
        let error = BackupError::Poisoned(why.clone());
        self.poisoned.get_or_insert(why);
        self.ready.clear();
        self.work.values_mut().for_each(|work| work.abandon(&error));
    }

    /// Takes a write, and gives what to wait for before it is answered.
    pub(super) fn write(
        &mut self,
        write: &ReplicaWrite,
        config: &FileStoreConfig,
    ) -> Result<Option<Answer>, BackupError> {
        let id = write.replica;
        self.vouch()?;
        self.membership.admit(id.log)?;
        self.sessions.admit(id.log.server, write.session, config.rules)?;
        if let Some(damage) = self.damaged.get(&id) {
            return Err(damage.error(id));
        }
        self.check_room(write, config)?;
        let effect = self.shelf.write(write)?;
        Ok(self.queue_write(write, &effect, config.durability))
    }

    /// J4: an open is admitted with a frame reserved for it, which the shelf does, and a buffer to grow in.
    fn check_room(&self, write: &ReplicaWrite, config: &FileStoreConfig) -> Result<(), BackupError> {
        if write.capacity > config.segment_bytes {
            let (replica, why, offset) = (write.replica, Misfit::Capacity, write.offset);
            let length = u32::try_from(write.bytes.len()).unwrap_or(u32::MAX);
            return Err(BackupError::Overflow { replica, why, offset, length, present: 0 });
        }
        let is_new = write.open.is_some() && self.shelf.get(write.replica).is_none();
        if is_new && self.shelf.replicas().filter(|r| r.present().is_some()).count() >= config.open_max {
            return Err(BackupError::NoRoom { frames: self.shelf.used().frames });
        }
        Ok(())
    }

    /// Puts in what a taken write means for the disk.
    fn queue_write(
        &mut self,
        write: &ReplicaWrite,
        effect: &Effect,
        durability: Durability,
    ) -> Option<Answer> {
        let id = write.replica;
        let Effect { is_opened, applied, dropped } = effect;
        let fill = self.shelf.get(id).map(|replica| replica.fill);
        let work = self.work.entry((id.log, id.segment)).or_default();
        // One that opens and closes in one write needs no journal, nor one that counts only when it is complete.
        let is_journaled = durability == Durability::Persistent
            && fill == Some(Fill::Growing)
            && !(*is_opened && applied.is_closed);
        if is_journaled && (*is_opened || applied.is_change) {
            work.push(Task::Record(Record::of(write, *is_opened, applied)), true);
        }
        if applied.is_closed {
            // J1: a close is acknowledged when its record is synced, or else its frame.
            work.push(Task::Image(id.creation), !is_journaled);
        }
        // P3: what a higher creation drops never comes back. The record or the frame of that one hides it from
        // before it is answered until it is gone.
        dropped.iter().for_each(|former| work.push(Task::Drop(former.id.creation), false));
        let is_listed = matches!(fill, Some(Fill::Growing | Fill::Side));
        if *is_opened && is_listed && !is_journaled && !applied.is_closed {
            // Nothing hides it: it is gone before the open is answered.
            work.need_all();
        }
        self.wake((id.log, id.segment), id.creation)
    }

    /// Takes a free, and gives what to wait for before it is answered.
    pub(super) fn free(
        &mut self,
        free: ReplicaFree,
        config: &FileStoreConfig,
    ) -> Result<Option<Answer>, BackupError> {
        let id = free.replica;
        self.vouch()?;
        self.membership.admit(id.log)?;
        self.sessions.admit(id.log.server, free.session, config.rules)?;
        let key = (id.log, id.segment);
        let freed = self.shelf.free(id);
        self.damaged.retain(|other, _| (other.log, other.segment) != key || other.creation > id.creation);
        let Some(work) = self.work.get_mut(&key) else { return Ok(None) };
        let on_disk = work.disk.keys().copied().filter(|creation| *creation <= id.creation);
        let creations: BTreeSet<CreationNumber> =
            on_disk.chain(freed.iter().map(|r| r.id.creation)).collect();
        for creation in creations {
            // A closed replica that a crash brings back before this is done is what it was, and no digest names
            // it. An open one could pass for the head: it is gone before the free is answered.
            let is_closed = freed.iter().any(|r| r.id.creation == creation && r.is_closed());
            work.push(Task::Drop(creation), !is_closed);
        }
        Ok(self.wake(key, id.creation))
    }

    /// Lets somebody work on a segment, and gives what a call on it has to wait for.
    fn wake(&mut self, key: Key, creation: CreationNumber) -> Option<Answer> {
        let work = self.work.get_mut(&key)?;
        let answer = work.answer(creation);
        if work.has_tasks() && !work.is_active {
            work.is_active = true;
            self.ready.push_back(key);
        } else if work.is_over() {
            self.work.remove(&key);
        }
        answer
    }

    /// Writes what takes no more writes to a frame, if it is still there.
    pub(super) fn queue_image(&mut self, id: ReplicaId) {
        if self.shelf.get(id).is_none() {
            return;
        }
        let key = (id.log, id.segment);
        self.work.entry(key).or_default().push(Task::Image(id.creation), true);
        self.wake(key, id.creation);
    }

    /// Takes a server list; frees what belongs to masters that were recovered and left.
    pub(super) fn set_servers(&mut self, list: &ServerList) {
        if !self.membership.set_servers(list) {
            return;
        }
        self.sessions.retain(|master| !list.is_gone(master));
        let logs: BTreeSet<LogId> = self.work.keys().map(|(log, _)| *log).chain(self.shelf.logs()).collect();
        for log in logs {
            if self.membership.is_removed(log.server) {
                self.forget(log);
            }
        }
    }

    /// Frees all of a log, a little later. After a crash before that the list of servers frees it again.
    pub(super) fn forget(&mut self, log: LogId) {
        self.read_ahead.forget(log);
        self.damaged.retain(|id, _| id.log != log);
        let held = self.shelf.forget(log).into_iter().map(|replica| replica.id);
        let works = self.work.iter().filter(|((of, _), _)| *of == log);
        let on_disk = works.flat_map(|((log, segment), work)| {
            work.disk.keys().map(|creation| ReplicaId { log: *log, segment: *segment, creation: *creation })
        });
        let all: BTreeSet<ReplicaId> = on_disk.chain(held).collect();
        if self.poisoned.is_some() {
            return;
        }
        for id in all {
            let key = (id.log, id.segment);
            self.work.entry(key).or_default().push(Task::Drop(id.creation), false);
            self.wake(key, id.creation);
        }
    }

    /// The frame of a replica whose bytes are on the disk.
    pub(super) fn frame(&self, id: ReplicaId) -> Option<(FrameIndex, Arc<FrameHeader>)> {
        self.work.get(&(id.log, id.segment))?.disk.get(&id.creation)?.frame.clone()
    }
}
