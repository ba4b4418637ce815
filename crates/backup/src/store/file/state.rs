//! What a store knows, under its one lock.

use super::{
    config::{Durability, FileStoreConfig},
    format::{FrameHeader, Superblock},
    frames::FrameIndex,
    marks::Marks,
    restore::Damage,
    work::{Answer, OnDisk, Record, Task, Work},
};
use crate::store::{
    BackupError, Fill, Misfit, ReplicaFree, ReplicaWrite,
    membership::Membership,
    read_ahead::ReadAhead,
    replica::Replica,
    session::Sessions,
    shelf::{Effect, Shelf},
};
use rekindle_env::Time;
use rekindle_log::Certificate;
use rekindle_types::{CreationNumber, LogId, ReplicaId, SegmentId, ServerList};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};
use tokio::sync::Notify;

/// Names the work of a segment.
pub(super) type Key = (LogId, SegmentId);

/// What an image that asks for a frame gets.
pub(super) enum Offer {
    Frame(FrameIndex),
    /// One is being freed, or will be by work that waits for none.
    Later,
    /// None is free, nor to come.
    None,
    /// The replica is not here any more.
    NotNeeded,
}

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
    /// Journals whose last record has no mark behind it.
    pub(super) marks: Marks,
    /// Segments with work that nobody is at.
    pub(super) ready: VecDeque<Key>,
    /// Frames that hold no replica: no header is there, durably.
    pub(super) free_frames: BTreeSet<FrameIndex>,
    /// A frame was freed, or there is less reason to wait for one: somebody may find that none is to come.
    pub(super) freed: Arc<Notify>,
    /// Replicas that the disk has no room for beside their journals, or beside memory.
    pub(super) kept_for_later: BTreeSet<ReplicaId>,
    /// When they were tried again last.
    pub(super) retried: Option<Time>,
    /// Images written so far in this start.
    pub(super) images: u64,
    /// Replicas that this store can't vouch for, and why.
    pub(super) damaged: BTreeMap<ReplicaId, Damage>,
    /// Frames found with a header that can't be read.
    pub(super) unreadable: Vec<Damage>,
    pub(super) poisoned: Option<String>,
    pub(super) is_closing: bool,
    /// What a stop found no room for at first.
    pub(super) unkept: BTreeSet<ReplicaId>,
    /// Stops that wait for a last sync of the frames: asked for, begun, done.
    pub(super) last_syncs: [u64; 3],
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
        self.freed.notify_waiters();
    }

    /// Takes a write, and gives what to wait for before it is answered.
    pub(super) fn write(
        &mut self,
        write: &ReplicaWrite,
        config: &FileStoreConfig,
    ) -> Result<Option<Answer>, BackupError> {
        let id = write.replica;
        if self.poisoned.is_some() && write.open.is_some() && !self.knows(id) {
            // P1: surely not begun, so nothing is lost. Answered as poisoned, an open counts as one that may come
            // back: each head that is tried here would be hurt.
            return Err(BackupError::NoRoom { frames: self.shelf.used().frames });
        }
        self.vouch()?;
        self.membership.admit(id.log)?;
        self.sessions.admit(id.log.server, write.session, config.rules)?;
        if let Some(damage) = self.damaged.get(&id) {
            return Err(damage.error(id));
        }
        self.check_room(write, config)?;
        let effect = self.shelf.write(write)?;
        Ok(self.queue_write(write, effect, config.durability))
    }

    /// Whether anything of a replica may be here: in memory, on the disk, or under way between them.
    fn knows(&self, id: ReplicaId) -> bool {
        let work = self.work.get(&(id.log, id.segment));
        self.shelf.get(id).is_some()
            || self.damaged.contains_key(&id)
            || work.is_some_and(|work| work.is_active || work.knows(id.creation))
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
        effect: Effect,
        durability: Durability,
    ) -> Option<Answer> {
        let id = write.replica;
        let Effect { is_opened, applied, dropped } = effect;
        let fill = self.shelf.get(id).map(|replica| replica.fill);
        let is_closed = self.shelf.get(id).is_some_and(Replica::is_closed);
        let work = self.work.entry((id.log, id.segment)).or_default();
        let on_disk = work.disk.get(&id.creation);
        let is_full = on_disk.and_then(|disk| disk.journal).is_some_and(|journal| journal.is_full);
        let is_in_frame = on_disk.is_some_and(|disk| disk.frame.is_some());
        // Behind what takes the place of all that they are about: until that is durable they are the only copies.
        let drops = if dropped.is_empty() { Vec::new() } else { work.take_drops() };
        // One that opens and closes in one write needs no journal, nor one that counts only when it is complete.
        let is_journaled = durability == Durability::Persistent
            && fill == Some(Fill::Growing)
            && !is_full
            && !(is_opened && applied.is_closed);
        if is_journaled && (is_opened || applied.is_change) {
            work.push(Task::Record(Record::of(write, is_opened, &applied)), true);
        }
        if applied.is_closed {
            // J1: a close is acknowledged when its record is synced, or else its frame.
            work.push(Task::Image(id.creation), !is_journaled);
        } else if is_closed && !is_journaled && !is_in_frame {
            // Its close is in no journal: only a frame makes it true. One that found no room is tried again.
            work.need_image(id.creation);
        }
        // P3: what a higher creation drops never comes back. The record or the frame of that one hides it from
        // before it is answered until it is gone.
        drops.into_iter().for_each(|drop| work.push(drop, false));
        if !dropped.is_empty() {
            self.freed.notify_waiters();
        }
        for former in dropped {
            let creation = former.id.creation;
            let is_kept = durability == Durability::Buffered && former.fill != Fill::Atomic;
            let is_kept = is_kept || work.disk.contains_key(&creation);
            work.replaced.insert(creation, is_kept.then_some(former));
            work.push(Task::Drop(creation), false);
        }
        let is_listed = matches!(fill, Some(Fill::Growing | Fill::Side));
        if is_opened && is_listed && !is_journaled && !applied.is_closed {
            // Nothing hides it: it is gone before the open is answered.
            work.need_all();
        }
        self.wake((id.log, id.segment), Some(id.creation))
    }

    /// Refuses loads of a replica that is damaged, or may change yet. What makes its bytes valid.
    pub(super) fn check_fixed(&self, id: ReplicaId) -> Result<Certificate, BackupError> {
        if let Some(damage) = self.damaged.get(&id) {
            return Err(damage.error(id));
        }
        let replica = self.shelf.find(id)?;
        self.membership.check_fixed(replica)?;
        replica.certificate().ok_or(BackupError::NotOpen(id))
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
        self.freed.notify_waiters();
        self.damaged.retain(|other, _| (other.log, other.segment) != key || other.creation > id.creation);
        let Some(work) = self.work.get_mut(&key) else { return Ok(None) };
        work.replaced.retain(|creation, _| *creation > id.creation);
        let on_disk = work.disk.keys().copied().filter(|creation| *creation <= id.creation);
        let creations: BTreeSet<CreationNumber> =
            on_disk.chain(freed.iter().map(|r| r.id.creation)).collect();
        for creation in creations {
            // A closed replica that a crash brings back before this is done is what it was, and no digest names
            // it. An open one could pass for the head: it is gone before the free is answered. So is one whose
            // close is not on the disk.
            let is_closed = freed.iter().any(|r| r.id.creation == creation && r.is_closed())
                && work.disk.get(&creation).is_some_and(OnDisk::is_closed);
            work.push(Task::Drop(creation), !is_closed);
        }
        Ok(self.wake(key, None))
    }

    /// Lets somebody work on a segment, and gives what a call on it has to wait for.
    fn wake(&mut self, key: Key, creation: Option<CreationNumber>) -> Option<Answer> {
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
        if self.shelf.get(id).is_none() || self.poisoned.is_some() {
            return;
        }
        let key = (id.log, id.segment);
        self.work.entry(key).or_default().push(Task::Image(id.creation), true);
        self.wake(key, None);
    }

    /// J2: lets journals that fell idle have their marks.
    pub(super) fn queue_marks(&mut self, idle: Vec<ReplicaId>) {
        if self.poisoned.is_some() {
            return;
        }
        for id in idle {
            let key = (id.log, id.segment);
            if let Some(work) = self.work.get_mut(&key) {
                work.push(Task::Mark(id.creation), false);
                self.wake(key, None);
            }
        }
    }

    /// P2: takes out a replica that the disk had no room for, and lets the one count again whose place it took. That
    /// one was not dropped yet: drops come after what they make way for.
    pub(super) fn take_out(&mut self, id: ReplicaId) {
        self.shelf.free(id);
        self.freed.notify_waiters();
        if self.shelf.current(id.log, id.segment).is_some() {
            return;
        }
        let Some(work) = self.work.get_mut(&(id.log, id.segment)) else { return };
        let Some(mut back) = work.take_back(id.creation) else { return };
        let is_journaled = work.disk.get(&back.id.creation).is_some_and(|disk| disk.journal.is_some());
        // J5: a stop has frozen and imaged what is in memory alone, and this one was not on the shelf then.
        let is_stopped = self.is_closing && !is_journaled && back.certificate().is_some();
        if is_stopped {
            back.freeze();
        }
        if (back.is_closed() || is_stopped) && back.present().is_some() {
            work.push(Task::Image(back.id.creation), false);
        }
        self.shelf.put_back(back);
    }

    /// A write that waits for a frame of this replica won't be answered by one when a newer one took its place.
    pub(super) fn refuse_replaced(&mut self, id: ReplicaId) {
        let newest = self.shelf.current(id.log, id.segment).filter(|newest| *newest > id.creation);
        if let (Some(newest), Some(work)) = (newest, self.work.get_mut(&(id.log, id.segment))) {
            work.refuse_now(id.creation, &BackupError::StaleCreation { replica: id, newest });
        }
    }

    /// Tries again to write to frames what had no room, at most once a second.
    pub(super) fn retry_kept(&mut self, now: Time) {
        let is_due = |retried: Time| now.0.saturating_sub(retried.0) >= 1_000_000_000;
        if !self.kept_for_later.is_empty() && self.retried.is_none_or(is_due) {
            self.retried = Some(now);
            std::mem::take(&mut self.kept_for_later).into_iter().for_each(|id| self.queue_image(id));
        }
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
        self.freed.notify_waiters();
        self.read_ahead.forget(log);
        self.damaged.retain(|id, _| id.log != log);
        self.work.iter_mut().filter(|((of, _), _)| *of == log).for_each(|(_, work)| work.replaced.clear());
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
            self.wake(key, None);
        }
    }

    /// A frame for the image of this replica.
    pub(super) fn offer_frame(&mut self, id: ReplicaId) -> Offer {
        let offer = self.find_frame(id);
        if let Some(work) = self.work.get_mut(&(id.log, id.segment)) {
            work.is_starved = matches!(offer, Offer::Later);
        }
        offer
    }

    fn find_frame(&mut self, id: ReplicaId) -> Offer {
        if self.shelf.get(id).is_none() {
            return Offer::NotNeeded;
        }
        if let Some(frame) = self.free_frames.pop_first() {
            return Offer::Frame(frame);
        }
        // Drops stand behind the image of what hides the dropped replica, and that image may wait as this one does.
        let mut others = self.work.iter().filter(|(key, _)| **key != (id.log, id.segment));
        let is_coming = others.any(|((log, segment), work)| {
            work.frees_frame(|creation| {
                let id = ReplicaId { log: *log, segment: *segment, creation };
                self.shelf.get(id).is_some_and(|replica| replica.present().is_some())
            })
        });
        if is_coming { Offer::Later } else { Offer::None }
    }

    /// J5: a replica that a stop leaves nowhere but in memory.
    pub(super) fn unkept(&self) -> Option<ReplicaId> {
        let is_in_memory = |id: &&ReplicaId| self.shelf.get(**id).is_some_and(|r| r.valid().is_some());
        self.unkept.iter().find(is_in_memory).copied()
    }

    /// The frame of a replica whose bytes are on the disk.
    pub(super) fn frame(&self, id: ReplicaId) -> Option<(FrameIndex, Arc<FrameHeader>)> {
        self.work.get(&(id.log, id.segment))?.disk.get(&id.creation)?.frame.clone()
    }
}
