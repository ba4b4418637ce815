//! Fixed devices: sectors that are overwritten in place.

use super::{Call, Crash, Disk, names::FileId, one_in, sync_failed};
use crate::{Device, DiskError, Rng};
use async_trait::async_trait;
use bytes::Bytes;
use std::{collections::BTreeMap, mem, ops::Range, sync::Arc};

/// What a disk writes as one.
pub const SECTOR_BYTES: usize = 512;

/// Unsynced versions kept of one sector, besides the durable and the newest one; older ones are forgotten.
const VERSIONS_MAX: usize = 4;

type Sector = Vec<u8>;

/// What is seen, and for each sector written since the last sync what may come back.
pub(super) struct Sectors {
    seen: Vec<u8>,
    /// By number: the durable version first, then the overwritten ones in order.
    dirty: BTreeMap<usize, Vec<Sector>>,
    /// Dirty sectors from before a failed sync: no later sync makes them durable, only a new write and a sync.
    lost: BTreeMap<usize, Vec<Sector>>,
}

impl Sectors {
    pub(super) fn new(length: usize) -> Self {
        Self { seen: vec![0; length], dirty: BTreeMap::new(), lost: BTreeMap::new() }
    }

    pub(super) fn len(&self) -> u64 {
        self.seen.len() as u64
    }

    fn range(&self, offset: u64, length: usize) -> Result<Range<usize>, DiskError> {
        let start = usize::try_from(offset).ok();
        let end = start.and_then(|start| start.checked_add(length)).filter(|end| *end <= self.seen.len());
        let outside = DiskError::OutOfRange { offset, length: length as u64, capacity: self.len() };
        Ok(start.ok_or(outside.clone())?..end.ok_or(outside)?)
    }

    fn sector(&self, number: usize) -> Range<usize> {
        let start = number * SECTOR_BYTES;
        start..self.seen.len().min(start + SECTOR_BYTES)
    }

    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let range = self.range(offset, bytes.len())?;
        if bytes.is_empty() {
            return Ok(());
        }
        for number in range.start / SECTOR_BYTES..=(range.end - 1) / SECTOR_BYTES {
            let current = self.seen[self.sector(number)].to_vec();
            let before = self.lost.remove(&number);
            let versions = self.dirty.entry(number).or_insert_with(|| before.unwrap_or_default());
            versions.push(current);
            if versions.len() > VERSIONS_MAX + 1 {
                versions.remove(1);
            }
        }
        self.seen[range].copy_from_slice(bytes);
        Ok(())
    }

    pub(super) fn read(&self, offset: u64, length: usize) -> Result<Bytes, DiskError> {
        Ok(Bytes::copy_from_slice(&self.seen[self.range(offset, length)?]))
    }

    pub(super) fn sync(&mut self, succeeds: bool) {
        let dirty = mem::take(&mut self.dirty);
        if !succeeds {
            self.lost.extend(dirty);
        }
    }

    pub(super) fn crash(&mut self, crash: Crash, rng: &dyn Rng) {
        let mut unsynced = mem::take(&mut self.lost);
        unsynced.extend(mem::take(&mut self.dirty));
        for (number, mut versions) in unsynced {
            let place = self.sector(number);
            versions.push(self.seen[place.clone()].to_vec());
            let last = versions.len() - 1;
            let draw = || rng.below(versions.len() as u64) as usize;
            let kept = match crash {
                Crash::DropUnsynced => 0,
                Crash::KeepUnsynced => last,
                Crash::Subset | Crash::Torn => draw(),
            };
            let back = if crash == Crash::Torn && one_in(4, rng) { draw() } else { kept };
            let cut = rng.below(place.len() as u64 + 1) as usize;
            let seen = &mut self.seen[place];
            seen[..cut].copy_from_slice(&versions[kept][..cut]);
            seen[cut..].copy_from_slice(&versions[back][cut..]);
        }
    }

    pub(super) fn flip(&mut self, at: usize, bits: u8) {
        self.seen[at] ^= bits;
    }
}

/// The handle of a process.
pub(super) struct MemoryDevice {
    pub(super) disk: Arc<Disk>,
    pub(super) generation: u64,
    pub(super) id: FileId,
    pub(super) name: String,
    pub(super) length: u64,
}

impl MemoryDevice {
    fn call(&self, name: &'static str, offset: u64, bytes: usize) -> Call<'_> {
        Call { name, file: &self.name, offset, bytes: bytes as u64 }
    }
}

#[async_trait]
impl Device for MemoryDevice {
    fn len(&self) -> u64 {
        self.length
    }

    async fn write_at(&self, offset: u64, bytes: Bytes) -> Result<(), DiskError> {
        self.disk
            .run(self.generation, self.call("write_at", offset, bytes.len()), |state| {
                let place = state.misdirects.place(&self.name, offset, bytes.len(), self.length);
                if place != offset {
                    state.spoil(&self.name);
                }
                state.contents.device(self.id, &self.name)?.write(place, &bytes)
            })
            .await
    }

    async fn read_at(&self, offset: u64, length: usize) -> Result<Bytes, DiskError> {
        self.disk
            .run(self.generation, self.call("read_at", offset, length), |state| {
                state.contents.device(self.id, &self.name)?.read(offset, length)
            })
            .await
    }

    async fn sync(&self) -> Result<(), DiskError> {
        self.disk
            .run(self.generation, self.call("sync_device", 0, 0), |state| {
                state.syncs.devices += 1;
                let succeeds = state.sync_succeeds();
                state.contents.device(self.id, &self.name)?.sync(succeeds);
                if succeeds { Ok(()) } else { Err(sync_failed()) }
            })
            .await
    }
}
