//! What backups have acknowledged, and what they have of it when they come again.

mod journal;
mod writes;

use crate::{
    check::{Acknowledged, Listed, Returned, Spoilt},
    overheard::BackupCall,
};
use journal::journals;
use parking_lot::Mutex;
use rekindle_backup::{
    Durability, ReplicaState, ReplicaWrite, StoredImage,
    store::{LocalStore, file::FRAMES},
};
use rekindle_env::memory::Disk;
use rekindle_types::{LogId, ReplicaId};
use std::collections::{BTreeMap, BTreeSet};
use writes::Writes;

/// By the number of the server: its disk outlives its processes.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<BTreeMap<u32, Account>>);

/// Of one server.
#[derive(Default)]
struct Account {
    writes: Writes,
    /// The journals that were on its disk when its process started, or when one was spoilt since.
    journals: BTreeSet<ReplicaId>,
    /// What was found spoilt of journals at any start: what could not be told from a torn end stays lost.
    spoilt: BTreeMap<ReplicaId, Spoilt>,
    /// Images that were found as they were written, by their numbers.
    whole: BTreeSet<(ReplicaId, u64)>,
}

impl Ledger {
    /// A backup took a call off the wire: it may have any effect from now on.
    pub(crate) fn called(&self, server: u32, call: &BackupCall) {
        let accounts = &mut *self.0.lock();
        match call {
            BackupCall::Write(write) => accounts.entry(server).or_default().writes.begin(write),
            BackupCall::Free(free) => accounts.entry(server).or_default().writes.free(free.replica),
            _ => {}
        }
    }

    /// It has said that it did what was asked.
    pub(crate) fn done(&self, server: u32, write: &ReplicaWrite) {
        self.0.lock().entry(server).or_default().writes.end(write);
    }

    /// A process is about to start on this disk.
    pub(crate) fn starts(&self, server: u32, disk: &Disk) {
        let accounts = &mut *self.0.lock();
        let account = accounts.entry(server).or_default();
        account.journals.clear();
        account.look(disk);
    }

    /// A journal was spoilt, perhaps after its process had started and before it was read.
    pub(crate) fn spoils(&self, server: u32, disk: &Disk) {
        self.0.lock().entry(server).or_default().look(disk);
    }

    /// What a backup has that was just opened on this disk.
    pub(crate) fn returned(
        &self,
        server: u32,
        durability: Durability,
        store: &dyn LocalStore,
        disk: &Disk,
    ) -> Returned {
        let accounts = &mut *self.0.lock();
        let account = accounts.entry(server).or_default();
        let kept = store.kept();
        let acknowledged = account.writes.acknowledged(durability);
        let mut spoilt = account.spoilt.clone();
        // A frame that was spoilt may have lost its header: then it is free, and only a journal can be told from that.
        let has_spoilt_frames = disk.spoilt(FRAMES) > 0;
        if has_spoilt_frames {
            let in_frames = acknowledged.iter().filter(|one| !account.journals.contains(&one.replica));
            spoilt.extend(in_frames.map(|one| (one.replica, Spoilt::Unnoticeably)));
        }
        let damaged = kept.damaged.into_iter().collect();
        let mut returned = Returned { acknowledged, spoilt, damaged, listed: Vec::new() };
        for info in kept.listed {
            let is_whole = has_spoilt_frames || account.is_whole(store, disk, info.replica);
            let is_closed = info.state == ReplicaState::Closed;
            returned.listed.push(Listed {
                replica: info.replica,
                length: info.certificate.length,
                is_closed,
                is_whole,
            });
        }
        returned
    }

    /// Forgets what was acknowledged of logs that are not among these: they are freed.
    pub(crate) fn retain(&self, server: u32, is_kept: impl Fn(LogId) -> bool) {
        self.0.lock().entry(server).or_default().writes.retain(is_kept);
    }
}

impl Account {
    fn look(&mut self, disk: &Disk) {
        for (id, spoilt) in journals(disk) {
            self.journals.insert(id);
            let Some(spoilt) = spoilt else { continue };
            let known = self.spoilt.entry(id).or_insert(spoilt);
            *known = spoilt.max(*known);
        }
    }

    fn is_whole(&mut self, store: &dyn LocalStore, disk: &Disk, replica: ReplicaId) -> bool {
        let Some(image) = store.image_of(replica) else { return true };
        let key = (replica, image.generation());
        if self.whole.contains(&key) {
            return true;
        }
        let is_whole = is_on(&image, disk);
        if is_whole {
            self.whole.insert(key);
        }
        is_whole
    }
}

impl Returned {
    /// Leaves out what was acknowledged of logs that are being freed.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(LogId) -> bool) {
        self.acknowledged.retain(|one: &Acknowledged| is_kept(one.replica.log));
    }
}

/// Replicas of a log whose images on the disk are not as they were written, after faults of the disk.
pub(crate) fn broken_images(store: &dyn LocalStore, disk: &Disk, log: LogId) -> BTreeSet<ReplicaId> {
    if disk.spoilt(FRAMES) == 0 {
        return BTreeSet::new();
    }
    let broken = images(store).filter(|(id, image)| id.log == log && !is_on(image, disk));
    broken.map(|(id, _)| id).collect()
}

/// The images of the replicas that a store lists.
pub(crate) fn images(store: &dyn LocalStore) -> impl Iterator<Item = (ReplicaId, StoredImage)> {
    let replicas = store.kept().listed.into_iter().map(|info| info.replica);
    replicas.filter_map(|id| Some((id, store.image_of(id)?)))
}

fn is_on(image: &StoredImage, disk: &Disk) -> bool {
    disk.peek(image.file, image.at, image.length()).is_some_and(|bytes| image.is(&bytes))
}
