//! Everything that is on a disk.

use super::{
    Crash,
    device::Sectors,
    names::{FileId, Names},
    one_in,
};
use crate::{DiskError, Rng};
use bytes::Bytes;
use std::collections::BTreeMap;

/// Names and what they lead to.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) names: Names,
    files: BTreeMap<FileId, File>,
    made: FileId,
}

/// What a name leads to.
pub(super) enum File {
    Appended(Appended),
    Device(Sectors),
}

/// An append-only file.
#[derive(Default)]
pub(super) struct Appended {
    bytes: Vec<u8>,
    synced: usize,
    /// A sync has failed: no byte from `synced` on becomes durable any more.
    is_poisoned: bool,
}

impl Contents {
    pub(super) fn used_bytes(&self) -> u64 {
        self.files.values().map(File::len).sum()
    }

    pub(super) fn make(&mut self, name: &str, file: File) -> FileId {
        self.made += 1;
        self.files.insert(self.made, file);
        self.names.link(name, self.made);
        self.made
    }

    pub(super) fn appended(&mut self, name: &str) -> Result<&mut Appended, DiskError> {
        let found = self.names.find(name).and_then(|id| self.files.get_mut(&id));
        match found {
            Some(File::Appended(file)) => Ok(file),
            Some(File::Device(_)) => Err(DiskError::Io(format!("{name:?} is a device"))),
            None => Err(DiskError::NotFound(name.to_owned())),
        }
    }

    /// A removed device stays until its removal is durable.
    pub(super) fn device(&mut self, id: FileId, name: &str) -> Result<&mut Sectors, DiskError> {
        match self.files.get_mut(&id) {
            Some(File::Device(sectors)) => Ok(sectors),
            Some(File::Appended(_)) => Err(DiskError::Io(format!("{name:?} is no device"))),
            None => Err(DiskError::NotFound(name.to_owned())),
        }
    }

    pub(super) fn sync_names(&mut self, succeeds: bool) {
        self.names.sync(succeeds);
        self.collect();
    }

    pub(super) fn crash(&mut self, crash: Crash, rng: &dyn Rng) {
        self.names.crash(crash, rng);
        self.collect();
        for file in self.files.values_mut() {
            match file {
                File::Appended(file) => file.crash(crash, rng),
                File::Device(sectors) => sectors.crash(crash, rng),
            }
        }
    }

    /// Frees what no name can lead to any more.
    fn collect(&mut self) {
        let names = &self.names;
        self.files.retain(|id, _| names.refers_to(*id));
    }

    pub(super) fn length(&self, name: &str) -> Option<u64> {
        self.names.find(name).and_then(|id| self.files.get(&id)).map(File::len)
    }

    pub(super) fn peek(&self, name: &str, at: u64, length: usize) -> Option<Bytes> {
        match self.names.find(name).and_then(|id| self.files.get(&id))? {
            File::Appended(file) => {
                let start = usize::try_from(at).ok()?;
                file.bytes.get(start..start.checked_add(length)?).map(Bytes::copy_from_slice)
            }
            File::Device(sectors) => sectors.read(at, length).ok(),
        }
    }

    pub(super) fn flip(&mut self, name: &str, at: u64, bits: u8) -> Result<(), DiskError> {
        let found = self.names.find(name).and_then(|id| self.files.get_mut(&id));
        let file = found.ok_or_else(|| DiskError::NotFound(name.to_owned()))?;
        let capacity = file.len();
        let out_of_range = DiskError::OutOfRange { offset: at, length: 1, capacity };
        let at = usize::try_from(at).ok().filter(|at| (*at as u64) < capacity).ok_or(out_of_range)?;
        match file {
            File::Appended(file) => file.bytes[at] ^= bits,
            File::Device(sectors) => sectors.flip(at, bits),
        }
        Ok(())
    }
}

impl File {
    fn len(&self) -> u64 {
        match self {
            Self::Appended(file) => file.len(),
            Self::Device(sectors) => sectors.len(),
        }
    }
}

impl Appended {
    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn read(&self) -> Bytes {
        Bytes::copy_from_slice(&self.bytes)
    }

    pub(super) fn sync(&mut self, succeeds: bool) {
        self.is_poisoned |= !succeeds;
        if !self.is_poisoned {
            self.synced = self.bytes.len();
        }
    }

    /// The unsynced end is cut, at any byte under `Subset`, where lost sectors below the cut read as zeros.
    fn crash(&mut self, crash: Crash, rng: &dyn Rng) {
        let unsynced = self.bytes.len() - self.synced;
        match crash {
            Crash::KeepUnsynced => {}
            Crash::DropUnsynced => self.bytes.truncate(self.synced),
            Crash::Subset | Crash::Torn => {
                self.bytes.truncate(self.synced + rng.below(unsynced as u64 + 1) as usize);
                for sector in self.bytes[self.synced..].chunks_mut(super::SECTOR_BYTES) {
                    if one_in(8, rng) {
                        let torn =
                            if crash == Crash::Torn { rng.below(sector.len() as u64) as usize } else { 0 };
                        sector[torn..].fill(0);
                    }
                }
            }
        }
        self.synced = self.bytes.len();
        self.is_poisoned = false;
    }
}
