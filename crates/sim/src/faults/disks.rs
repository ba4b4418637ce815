//! Faults of disks.

use super::{
    Fault, Pick,
    armed::{Armed, coordinator_disk, disk},
    striker::{Striker, Undo},
};
use crate::{COORDINATOR, SimStore, ledger::images, name};
use rekindle_backup::{
    Durability, StoredImage,
    store::file::{FRAMES, parse_journal_name},
};
use rekindle_cluster::server::StorageServer;
use rekindle_env::memory::{Crash, Disk, Misdirect};
use rekindle_types::{ReplicaId, ServerId};

/// Bytes from its beginning that frames in use have, mostly.
const FLIP_WITHIN: u64 = 4 << 20;

/// The journals on a disk that have anything in them, and their lengths.
fn journals(disk: &Disk) -> Vec<(String, u64)> {
    let names = disk.list().into_iter().filter(|name| parse_journal_name(name).is_some());
    let found = names.filter_map(|name| disk.file_bytes(&name).map(|bytes| (name, bytes)));
    found.filter(|(_, bytes)| *bytes > 0).collect()
}

/// What is spoilt is read only when its backup starts, or its master is dead, and is soon gone: mostly that comes at
/// once.
fn is_soon_read(at: Pick) -> bool {
    at.0 >> 62 != 0
}

/// Another one for each number.
fn place(at: Pick, number: u64) -> u64 {
    at.0.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

impl Striker<'_> {
    /// Does what the fault does to a disk; says what undoes it. None when there is nothing to hit.
    pub(super) fn hit_disk(&self, fault: Fault) -> Option<Undo> {
        let cluster = self.cluster;
        let running = cluster.running();
        let one = |pick: Pick| pick.of(&running);
        match fault {
            Fault::SlowDisk { server, latency } => {
                let name = name(one(server)?);
                cluster.world.node(&name).disk().set_latency(latency);
                Some(Undo::FastDisk(name))
            }
            Fault::SlowCoordinatorDisk { latency } => {
                coordinator_disk(cluster).set_latency(latency);
                Some(Undo::FastDisk(COORDINATOR.to_owned()))
            }
            Fault::FullDisk { server, free_bytes } => {
                let server = one(server)?;
                let disk = disk(cluster, server);
                disk.set_capacity(Some(disk.used_bytes() + free_bytes));
                Some(Undo::EmptyDisk(server))
            }
            Fault::FullCoordinatorDisk { free_bytes } => {
                let disk = coordinator_disk(cluster);
                disk.set_capacity(Some(disk.used_bytes() + free_bytes));
                Some(Undo::EmptyCoordinatorDisk)
            }
            Fault::FailSync { server, after } => {
                let server = one(server)?;
                let disk = disk(cluster, server);
                disk.fail_sync_after(after);
                Some(Undo::Await(Armed::Sync { server, failed: disk.failed_syncs() }))
            }
            Fault::FailCoordinatorSync { after } => {
                let disk = coordinator_disk(cluster);
                disk.fail_sync_after(after);
                Some(Undo::Await(Armed::CoordinatorSync { failed: disk.failed_syncs() }))
            }
            Fault::Flip { server, bytes, at } => self.flip_frames(server, bytes, at),
            Fault::FlipJournal { server, bytes, at } => self.flip_journal(server, bytes, at),
            Fault::Misdirect { server, after, to } => {
                let server = self.to_spoil(server, |_| true)?;
                let disk = disk(cluster, server);
                disk.misdirect(Misdirect { file: FRAMES.to_owned(), after, to: to.0 % FLIP_WITHIN });
                // From now on: that it has come is seen only later.
                self.told.lock().spoiled = Some(server);
                Some(Undo::Await(Armed::Misdirect { server, misdirected: disk.misdirected() }))
            }
            _ => None,
        }
    }

    /// Only one server's disk is ever spoiled: what it spoils stays spoiled.
    fn to_spoil(&self, pick: Pick, is_fit: impl Fn(u32) -> bool) -> Option<u32> {
        let spoiled = self.told.lock().spoiled;
        let is_one = |server: &u32| spoiled.is_none_or(|spoiled| spoiled == *server) && is_fit(*server);
        let fit: Vec<u32> = self.cluster.running().into_iter().filter(is_one).collect();
        pick.of(&fit)
    }

    fn flip_frames(&self, server: Pick, bytes: u64, at: Pick) -> Option<Undo> {
        let server = self.to_spoil(server, |_| true)?;
        let mut images = self.images(server);
        let master = self.reader_of(&images, at);
        let id = master.and_then(|master| self.cluster.storage(master, StorageServer::id).flatten());
        images.retain(|(replica, _)| id.is_none_or(|id| replica.log.server == id));
        self.flip(server, FRAMES, bytes, |number| {
            let place = place(at, number);
            match Pick(place).of(&images) {
                // Most of the file is empty, and headers are small: that is left to chance.
                Some((_, image)) if number % 4 != 3 => image.at + place % image.length() as u64,
                _ => place % FLIP_WITHIN,
            }
        })?;
        let Some(master) = master else { return Some(Undo::Nothing(name(server))) };
        self.cluster.crash_storage(master, Crash::KeepUnsynced);
        Some(Undo::Start(vec![master]))
    }

    fn flip_journal(&self, server: Pick, bytes: u64, at: Pick) -> Option<Undo> {
        let server = self.to_spoil(server, |server| !journals(&disk(self.cluster, server)).is_empty())?;
        let journals = journals(&disk(self.cluster, server));
        let (journal, length) = at.of(&journals)?;
        self.flip(server, &journal, bytes, |number| place(at, number) % length)?;
        self.cluster.overheard.ledger.spoils(server, &disk(self.cluster, server));
        if !is_soon_read(at) {
            return Some(Undo::Nothing(name(server)));
        }
        self.cluster.crash_storage(server, Crash::KeepUnsynced);
        Some(Undo::Start(vec![server]))
    }

    /// Images of replicas in the file of frames.
    fn images(&self, server: u32) -> Vec<(ReplicaId, StoredImage)> {
        let Some(Some(store)) = self.cluster.storage(server, StorageServer::backup) else {
            return Vec::new();
        };
        images(&*store).filter(|(_, image)| image.length() > 0).collect()
    }

    /// The master of some of these that is to die, so that they are read; none when that could lose more than them.
    fn reader_of(&self, images: &[(ReplicaId, StoredImage)], at: Pick) -> Option<u32> {
        let keeps = self.cluster.config().store == SimStore::Disks(Durability::Persistent);
        let is_theirs = |id: ServerId| images.iter().any(|(replica, _)| replica.log.server == id);
        let mut masters = self.cluster.running();
        masters.retain(|server| {
            self.cluster.storage(*server, StorageServer::id).flatten().is_some_and(is_theirs)
        });
        at.of(&masters).filter(|_| keeps && is_soon_read(at))
    }

    fn flip(&self, server: u32, file: &str, bytes: u64, place: impl Fn(u64) -> u64) -> Option<()> {
        for place in (0..bytes).map(place) {
            // A file that is not there yet has nothing to be spoiled.
            disk(self.cluster, server).flip(file, place, 1 << (place % 8)).ok()?;
        }
        self.told.lock().spoiled = Some(server);
        Some(())
    }
}
