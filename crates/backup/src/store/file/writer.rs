//! The store's own work: what calls put in is carried out on the disk here.

use super::{
    file_store::FileStore,
    format::{RecordHeader, RecordKind, journal_name},
    image::Image,
    state::{Key, Offer},
    work::{Journal, Record, Task},
};
use crate::store::{BackupError, replica::Replica};
use bytes::Bytes;
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, select},
    stream::FuturesUnordered,
};
use rekindle_env::{DiskError, Time};
use rekindle_log::crc32c;
use rekindle_types::{CreationNumber, ReplicaId, Rule};
use std::{pin::pin, sync::Arc};

/// Stops the store when its work is dropped: what waits would wait for ever.
struct End<'a>(&'a FileStore);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.poison("its work was stopped".into());
    }
}

impl FileStore {
    /// Works on every segment that has something to do, and reads ahead, until dropped.
    pub(super) async fn work(self: Arc<Self>) {
        let _end = End(&self);
        let mut jobs: FuturesUnordered<BoxFuture<'static, ()>> = FuturesUnordered::new();
        loop {
            let woken = self.wake.notified();
            while let Some(key) = self.next_ready() {
                jobs.push(Arc::clone(&self).work_on(key).boxed());
            }
            while let Some(read) = self.next_read() {
                jobs.push(Arc::clone(&self).read_ahead(read).boxed());
            }
            if let Some(number) = self.next_last_sync() {
                jobs.push(Arc::clone(&self).last_sync(number).boxed());
            }
            if let Some(alarm) = self.next_alarm() {
                jobs.push(Arc::clone(&self).mark_idle(alarm).boxed());
            }
            if jobs.is_empty() {
                woken.await;
            } else {
                select(jobs.next(), pin!(woken)).await;
            }
        }
    }

    fn next_ready(&self) -> Option<Key> {
        self.state.lock().ready.pop_front()
    }

    fn next_last_sync(&self) -> Option<u64> {
        let [asked, begun, _] = &mut self.state.lock().last_syncs;
        (*begun < *asked).then(|| {
            *begun = *asked;
            *asked
        })
    }

    fn next_alarm(&self) -> Option<Time> {
        self.state.lock().marks.set_alarm(self.config.mark_after)
    }

    /// J2: waits until a journal may have fallen idle, and lets those have marks that did. Appends that come in a
    /// steady stream pay for none.
    async fn mark_idle(self: Arc<Self>, alarm: Time) {
        self.clock.sleep_until(alarm).await;
        let state = &mut *self.state.lock();
        state.marks.end_alarm();
        let idle = state.marks.take_idle(self.clock.now(), self.config.mark_after);
        state.queue_marks(idle);
    }

    /// J2: lets all journals have marks: nothing more comes.
    pub(super) fn mark_all(&self) {
        let state = &mut *self.state.lock();
        let unmarked = state.marks.take_all();
        state.queue_marks(unmarked);
        self.wake.notify_one();
    }

    /// The sync that a stop ends with.
    async fn last_sync(self: Arc<Self>, number: u64) {
        match self.frames.sync().await {
            Ok(()) => {
                let done = &mut self.state.lock().last_syncs[2];
                *done = number.max(*done);
            }
            Err(error) => self.poison(error.to_string()),
        }
        self.idle.notify_waiters();
    }

    /// Does all there is to do for a segment.
    async fn work_on(self: Arc<Self>, key: Key) {
        loop {
            let tasks = {
                let state = &mut *self.state.lock();
                let Some(work) = state.work.get_mut(&key) else { return };
                let tasks = work.take();
                if tasks.is_empty() {
                    work.is_active = false;
                    if work.is_over() {
                        state.work.remove(&key);
                    }
                    self.idle.notify_waiters();
                    return;
                }
                tasks
            };
            let count = tasks.len();
            match self.carry_out(key, tasks).await {
                Ok(()) => self.finish(key, count),
                Err(error) => self.poison(error.to_string()),
            }
        }
    }

    fn finish(&self, key: Key, tasks: usize) {
        let state = &mut *self.state.lock();
        if state.poisoned.is_none()
            && let Some(work) = state.work.get_mut(&key)
        {
            work.finish(tasks);
        }
    }

    async fn carry_out(&self, key: Key, mut tasks: Vec<Task>) -> Result<(), DiskError> {
        let id = |creation| ReplicaId { log: key.0, segment: key.1, creation };
        if let [Task::Image(creation)] = tasks[..] {
            if !self.write_image(id(creation)).await? {
                self.keep_for_later(id(creation));
            }
            return Ok(());
        }
        if let [Task::Nothing(_)] = tasks[..] {
            return Ok(());
        }
        if let [Task::Mark(creation)] = tasks[..] {
            return self.mark(id(creation)).await;
        }
        if let [Task::Drop(creation)] = tasks[..] {
            return self.drop_replica(id(creation)).await;
        }
        let records: Vec<Record> = tasks
            .drain(..)
            .filter_map(|task| if let Task::Record(record) = task { Some(record) } else { None })
            .collect();
        let creation = records.first().map_or(CreationNumber(0), |record| record.creation);
        match self.write_records(id(creation), &records).await {
            Err(DiskError::Full) => {
                self.give_up(id(creation), &records);
                Ok(())
            }
            other => other,
        }
    }

    /// Appends records to a replica's journal; when this returns they are durable.
    async fn write_records(&self, id: ReplicaId, records: &[Record]) -> Result<(), DiskError> {
        let name = journal_name(id);
        let mut journal = self.journal(id).unwrap_or_default();
        let is_new = journal.last == 0;
        let start = self.start();
        if is_new {
            self.set_journal(id, journal);
        }
        let mut out = Vec::with_capacity(records.iter().map(|r| r.bytes.len() + RecordHeader::LEN).sum());
        for record in records {
            journal.last += 1;
            out.extend(header(id, start, journal, Some(record)).encode());
            out.extend_from_slice(&record.bytes);
            journal.is_closed |= record.close;
        }
        // J1: an append is acknowledged when its record is on the disk, whatever happens next.
        if self.config.rules.on(Rule::J1) {
            self.dir.append_synced(&name, out.into()).await?;
        } else {
            self.dir.append(&name, out.into()).await?;
        }
        if is_new {
            // A file is found again by its name only.
            self.sync_names().await?;
        }
        journal.synced = journal.last;
        self.set_journal(id, journal);
        let marks = &mut self.state.lock().marks;
        if journal.is_closed {
            marks.forget(id);
        } else {
            marks.note(id, self.clock.now());
        }
        Ok(())
    }

    /// J2: when nothing more is to be written, one more record says how far the journal is synced. Without it a
    /// damaged last record could not be told from a torn tail. The next record says it as well.
    async fn mark(&self, id: ReplicaId) -> Result<(), DiskError> {
        let Some(mut journal) = self.journal(id).filter(|journal| !journal.is_closed) else { return Ok(()) };
        if self.has_records(id) {
            return Ok(());
        }
        let start = self.start();
        journal.last += 1;
        let mark = header(id, start, journal, None).encode();
        match self.dir.append(&journal_name(id), Bytes::copy_from_slice(&mark)).await {
            Ok(()) => self.set_journal(id, journal),
            Err(DiskError::Full) => self.give_up(id, &[]),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The disk has no room for a replica's journal: that replica takes nothing any more, and is not there at all
    /// when it was not opened yet. One that is closed already is on its way to a frame: calls wait for that. Others
    /// go on.
    fn give_up(&self, id: ReplicaId, records: &[Record]) {
        let state = &mut *self.state.lock();
        if state.poisoned.is_some() {
            return;
        }
        let is_new = records.iter().any(|record| record.open);
        let is_closed = state.shelf.get(id).is_some_and(Replica::is_closed);
        let error = if is_new {
            state.take_out(id);
            BackupError::NoRoom { frames: state.shelf.used().frames }
        } else {
            if let Some(replica) = state.shelf.get_mut(id) {
                replica.freeze();
            }
            BackupError::Damaged { replica: id, at: 0, why: "no space for its journal".into() }
        };
        let Some(work) = state.work.get_mut(&(id.log, id.segment)) else { return };
        if is_closed && !is_new {
            // J1: its close is acknowledged by its frame, or not at all.
            if let Some(journal) = work.disk.get_mut(&id.creation).and_then(|disk| disk.journal.as_mut()) {
                journal.is_full = true;
            }
            work.drop_records(id.creation);
            work.need_image(id.creation);
            return;
        }
        work.fail(id.creation, &error);
        if is_new {
            work.push(Task::Drop(id.creation), false);
        }
    }

    /// The disk has no room for a frame, although one was reserved: the device grows as it is written. What is in a
    /// journal stays there, and in memory, until something was freed. So does, in memory alone, what was answered for
    /// before the close that comes here; that close is refused. What is promised by its frame only goes.
    fn keep_for_later(&self, id: ReplicaId) {
        let journal = self.journal(id);
        let state = &mut *self.state.lock();
        if state.poisoned.is_some() {
            return;
        }
        let is_promised = state.shelf.get(id).is_some_and(Replica::is_promised);
        let error = if journal.is_some() || is_promised {
            state.kept_for_later.insert(id);
            if journal.is_some_and(|journal| !journal.is_full) {
                return;
            }
            if state.is_closing && journal.is_none() {
                state.unkept.insert(id);
            }
            BackupError::no_space_for_frame(id)
        } else {
            state.take_out(id);
            BackupError::NoRoom { frames: state.shelf.used().frames }
        };
        if let Some(work) = state.work.get_mut(&(id.log, id.segment)) {
            work.fail(id.creation, &error);
        }
    }

    /// Writes a replica to a frame, and takes its journal away; `false` when the disk has no room for it.
    async fn write_image(&self, id: ReplicaId) -> Result<bool, DiskError> {
        let image = {
            let state = &mut *self.state.lock();
            let Some(replica) = state.shelf.get(id) else {
                state.refuse_replaced(id);
                return Ok(true);
            };
            // In a frame already.
            let Some((bytes, certificate)) = replica.valid() else { return Ok(true) };
            let (state, capacity, primary) = (replica.state(), replica.capacity, replica.is_primary());
            Image { replica: id, state, capacity, primary, certificate, bytes }
        };
        let frame = match self.take_frame(id).await? {
            Offer::Frame(frame) => frame,
            Offer::NotNeeded => {
                self.state.lock().refuse_replaced(id);
                return Ok(true);
            }
            Offer::Later | Offer::None => return Ok(false),
        };
        // Behind the frame: who waits for a permit holds up none who needs no frame.
        let _permit = self.images.acquire().await;
        let generation = self.next_generation();
        let bytes = image.bytes.clone();
        let header = self.spawn.compute("checksum a frame", move || image.header(generation)).await;
        let header = Arc::new(header.ok_or_else(|| DiskError::Io("the checksums were not computed".into()))?);
        match self.frames.write(frame, &header, &bytes, self.config.rules).await {
            Ok(()) => {}
            Err(DiskError::Full) => {
                self.state.lock().free_frames.insert(frame);
                self.freed.notify_waiters();
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        let journal = {
            let state = &mut *self.state.lock();
            let on_disk =
                state.work.entry((id.log, id.segment)).or_default().disk.entry(id.creation).or_default();
            on_disk.frame = Some((frame, header));
            if let Some(replica) = state.shelf.get_mut(id) {
                replica.let_go();
            }
            on_disk.journal.take()
        };
        if journal.is_some() {
            self.remove_journal(id).await?;
        }
        Ok(true)
    }

    /// Takes off the disk all that is there of a replica, durably.
    async fn drop_replica(&self, id: ReplicaId) -> Result<(), DiskError> {
        let on_disk = {
            let state = &mut *self.state.lock();
            let work = state.work.get_mut(&(id.log, id.segment));
            work.and_then(|work| {
                work.replaced.remove(&id.creation);
                let on_disk = work.disk.remove(&id.creation)?;
                work.is_freeing = on_disk.frame.is_some();
                Some(on_disk)
            })
        };
        let Some(on_disk) = on_disk else { return Ok(()) };
        if on_disk.journal.is_some() {
            self.remove_journal(id).await?;
        }
        if let Some((frame, _)) = on_disk.frame {
            self.frames.wipe(frame).await?;
            // J4: a frame is written again only when its former header is durably gone, or a crash would show that
            // header over blocks that are not its own.
            self.frames.sync().await?;
            let state = &mut *self.state.lock();
            state.free_frames.insert(frame);
            if let Some(work) = state.work.get_mut(&(id.log, id.segment)) {
                work.is_freeing = false;
            }
            // There may be room for one of them now.
            let waiting = std::mem::take(&mut state.kept_for_later);
            waiting.into_iter().for_each(|id| state.queue_image(id));
            self.freed.notify_waiters();
            self.wake.notify_one();
        }
        Ok(())
    }

    async fn remove_journal(&self, id: ReplicaId) -> Result<(), DiskError> {
        self.state.lock().marks.forget(id);
        match self.dir.remove(&journal_name(id)).await {
            Ok(()) | Err(DiskError::NotFound(_)) => self.sync_names().await?,
            Err(error) => return Err(error),
        }
        self.state.lock().retry_kept(self.clock.now());
        self.wake.notify_one();
        Ok(())
    }

    /// Waits for a frame to write to, as long as one is to come by work that waits for none: so somebody always goes
    /// on. Replicas are admitted by their number, but those of which they take the place keep their frames longer.
    async fn take_frame(&self, id: ReplicaId) -> Result<Offer, DiskError> {
        loop {
            let freed = self.freed.notified();
            {
                let state = &mut *self.state.lock();
                if state.poisoned.is_some() {
                    return Err(DiskError::Io("poisoned while an image waited for a frame".into()));
                }
                let offer = state.offer_frame(id);
                if !matches!(offer, Offer::Later) {
                    return Ok(offer);
                }
            }
            freed.await;
        }
    }

    pub(super) async fn sync_names(&self) -> Result<(), DiskError> {
        let result = self.name_syncs.cover(|| self.dir.sync()).await;
        result.map_err(|error| DiskError::Io(format!("sync of the directory: {error}")))
    }

    /// Generations are never used twice: the start is part of them.
    fn next_generation(&self) -> u64 {
        let mut state = self.state.lock();
        state.images += 1;
        (state.superblock.start << 32) + state.images
    }

    fn start(&self) -> Start {
        let superblock = &self.state.lock().superblock;
        Start { generation: superblock.start, secret: superblock.secret }
    }

    fn journal(&self, id: ReplicaId) -> Option<Journal> {
        self.state.lock().work.get(&(id.log, id.segment))?.disk.get(&id.creation)?.journal
    }

    fn set_journal(&self, id: ReplicaId, journal: Journal) {
        let mut state = self.state.lock();
        let work = state.work.entry((id.log, id.segment)).or_default();
        work.disk.entry(id.creation).or_default().journal = Some(journal);
    }

    fn has_records(&self, id: ReplicaId) -> bool {
        let state = self.state.lock();
        state.work.get(&(id.log, id.segment)).is_some_and(|work| work.has_records(id.creation))
    }
}

/// What all records of this start have.
#[derive(Clone, Copy)]
struct Start {
    generation: u64,
    secret: u64,
}

fn header(id: ReplicaId, start: Start, journal: Journal, record: Option<&Record>) -> RecordHeader {
    let bytes = record.map_or(&[][..], |record| &record.bytes);
    RecordHeader {
        kind: record.map_or(RecordKind::Mark, |r| RecordKind::Write {
            open: r.open,
            close: r.close,
            primary: r.primary,
        }),
        replica: id,
        generation: start.generation,
        sequence: journal.last,
        synced: journal.synced,
        capacity: record.map_or(0, |record| record.capacity),
        offset: record.map_or(0, |record| record.offset),
        certificate: record.and_then(|record| record.certificate),
        length: bytes.len() as u32,
        checksum: crc32c(bytes),
        secret: start.secret,
    }
}
