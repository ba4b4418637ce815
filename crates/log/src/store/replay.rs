//! Taking over a partition of a dead master's log.

use super::lookup::index_ref;
use super::tombstones::Tombstones;
use super::{BATCH, Store};
use crate::segment::{Corrupt, Entry, EntryDraft, ObjectEntry, Parsed, TombstoneEntry, entries};
use crate::{LaneGuard, Log, LogError, MemoryReservation, SideLog};
use rekindle_types::{KeyHash, Partition, Rule, SegmentId, Version, key_hash};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// No log gets so far by itself, at 2^32 versions a head: a larger version is damage, or an attack on the counter.
const VERSION_MAX: u64 = 1 << 63;

/// Applies the entries of a partition, in any order and any number of times, to a side log of the store: the
/// newest version of every key wins (C4).
///
/// What it has applied is in the store's index at once; nobody asks for the range before it is served. Dropped
/// without [`Replay::commit`] it leaves nothing.
pub struct Replay {
    store: Arc<Store>,
    partition: Partition,
    /// `None` once committing.
    side: Option<SideLog>,
    created: SegmentId,
    tombstones: Tombstones,
    /// Highest version seen, SafeVersions among them (V1).
    version_max: AtomicU64,
    objects: AtomicI64,
    /// Bytes appended, by piece.
    bytes: Vec<AtomicU64>,
}

/// What came of one call of [`Replay::apply`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Entries looked at.
    pub entries: u64,
    /// Entries appended to the side log.
    pub appended: u64,
    /// Entries of other ranges or of former lives of these, and entries of the log's own: skipped.
    pub skipped: u64,
}

/// A partition that was taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Creation position of its tablets here (T2).
    pub created: SegmentId,
    /// The head that names the side log.
    pub head: SegmentId,
    /// Objects alive.
    pub objects: u64,
    /// Bytes appended, whole entries.
    pub bytes: u64,
}

/// Why entries could not be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// Get these entries from another replica; some of them may have been applied.
    #[error("damaged entries: {0}")]
    Corrupt(#[from] Corrupt),
    /// No room or no log: drop the replay.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// An entry that belongs to the partition, verified.
#[derive(Clone, Copy)]
struct Item<'a> {
    hash: KeyHash,
    /// Place of its piece in the partition.
    piece: usize,
    entry: Entry<'a>,
    draft: EntryDraft<'a>,
}

/// One call of [`Replay::apply`]. Its lane comes before the stripes in the order of locks.
struct Pass<'a> {
    side: LaneGuard<'a>,
    applied: Applied,
    /// Objects that came to be, less those that ceased to be.
    objects: i64,
    /// Bytes appended, by piece.
    bytes: Vec<u64>,
    version_max: Version,
}

impl Pass<'_> {
    /// V1: the counter is raised to it, and has to go on from there.
    #[inline]
    fn note_version(&mut self, version: Version) -> Result<(), Corrupt> {
        if version.0 > VERSION_MAX {
            return Err(Corrupt::Value { what: "version", got: version.0 });
        }
        self.version_max = self.version_max.max(version);
        Ok(())
    }
}

impl Store {
    /// Takes the partition's ranges (T2): forgets what the index still has of them, then fixes their creation
    /// position, then fills segments of its own, by up to `lanes` threads without waiting for each other.
    #[must_use]
    pub fn replay(self: &Arc<Self>, partition: Partition, lanes: usize) -> Replay {
        self.replay_into(partition, || self.log.side_log_with_lanes(lanes))
    }

    /// As [`Store::replay`], in memory that was reserved in this store's log (L2).
    #[must_use]
    pub fn replay_in(
        self: &Arc<Self>,
        reservation: MemoryReservation,
        partition: Partition,
        lanes: usize,
    ) -> Replay {
        assert!(reservation.is_of(&self.log), "reserved in this log");
        self.replay_into(partition, || Log::side_log_in(reservation, lanes))
    }

    fn replay_into(self: &Arc<Self>, partition: Partition, side: impl FnOnce() -> SideLog) -> Replay {
        for piece in &partition.pieces {
            self.purge(piece.table, piece.range);
        }
        let created = self.log.skip_id();
        let bytes = partition.pieces.iter().map(|_| AtomicU64::new(0)).collect();
        Replay {
            store: Arc::clone(self),
            partition,
            side: Some(side()),
            created,
            tombstones: Tombstones::new(),
            version_max: AtomicU64::new(0),
            objects: AtomicI64::new(0),
            bytes,
        }
    }
}

impl Replay {
    /// Creation position of its tablets on this master (T2).
    #[must_use]
    pub fn created(&self) -> SegmentId {
        self.created
    }

    /// Bytes appended so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.piece_bytes().iter().sum()
    }

    /// The same, for each piece of the partition.
    #[must_use]
    pub fn piece_bytes(&self) -> Vec<u64> {
        self.bytes.iter().map(|bytes| bytes.load(Ordering::Relaxed)).collect()
    }

    /// Applies entries, back to back, of the dead log's segment `from`, through lane 0.
    pub fn apply(&self, from: SegmentId, entries: &[u8]) -> Result<Applied, ReplayError> {
        self.apply_in(0, from, entries)
    }

    /// Applies entries through a lane. Threads that use lanes of their own wait for each other only where they
    /// meet the same stripe of keys.
    pub fn apply_in(&self, lane: usize, from: SegmentId, bytes: &[u8]) -> Result<Applied, ReplayError> {
        let side = self.side.as_ref().expect("only a commit takes it, and it takes the replay too");
        let mut pass = Pass {
            side: side.lane(lane),
            applied: Applied::default(),
            objects: 0,
            bytes: vec![0; self.bytes.len()],
            version_max: Version(0),
        };
        let result = self.apply_all(&mut pass, from, bytes);
        // Counted when it failed, too: what was appended is there.
        self.objects.fetch_add(pass.objects, Ordering::Relaxed);
        for (all, appended) in self.bytes.iter().zip(&pass.bytes) {
            all.fetch_add(*appended, Ordering::Relaxed);
        }
        self.version_max.fetch_max(pass.version_max.0, Ordering::Relaxed);
        result.map(|()| pass.applied)
    }

    fn apply_all(&self, pass: &mut Pass<'_>, from: SegmentId, bytes: &[u8]) -> Result<(), ReplayError> {
        let mut batch: Vec<Item<'_>> = Vec::with_capacity(BATCH);
        let mut walk = entries(bytes);
        let mut was_there = true;
        loop {
            batch.clear();
            let is_end = self.next_batch(&mut walk, from, &mut batch, pass)?;
            // Most keys are new; only where they are not, their entries are worth fetching ahead.
            if was_there {
                batch.iter().for_each(|item| self.store.prefetch_entries(item.hash));
            }
            was_there = false;
            for item in &batch {
                was_there |= match &item.draft {
                    EntryDraft::Object(object) => self.object(pass, item, object)?,
                    EntryDraft::Tombstone(tombstone) => self.tombstone(pass, item, tombstone)?,
                };
            }
            if is_end {
                return Ok(());
            }
        }
    }

    /// Reads entries until the batch is full, or to the end (then true): verified, with their buckets on the
    /// way into the cache.
    #[inline]
    fn next_batch<'a>(
        &self,
        walk: &mut impl Iterator<Item = Result<Entry<'a>, Corrupt>>,
        from: SegmentId,
        batch: &mut Vec<Item<'a>>,
        pass: &mut Pass<'_>,
    ) -> Result<bool, Corrupt> {
        while batch.len() < BATCH {
            let Some(entry) = walk.next() else {
                return Ok(true);
            };
            let entry = entry?;
            entry.verify()?;
            pass.applied.entries += 1;
            let draft = match entry.parse()? {
                Parsed::Object(object) => EntryDraft::Object(object),
                Parsed::Tombstone(tombstone) => EntryDraft::Tombstone(tombstone),
                Parsed::SafeVersion(safe) => {
                    pass.note_version(safe.0)?;
                    pass.applied.skipped += 1;
                    continue;
                }
                Parsed::Digest(_) | Parsed::TabletStats(_) | Parsed::Unknown(_) => {
                    pass.applied.skipped += 1;
                    continue;
                }
            };
            let (table, key) = draft.key();
            if key.is_empty() {
                // No store writes one, and nobody could ask for it or delete it.
                return Err(Corrupt::Value { what: "key length", got: 0 });
            }
            let hash = key_hash(table, key);
            pass.note_version(version_of(&draft))?;
            // The filter has looked already (T6, T2); looking again costs little.
            let Some(piece) = self.partition.place_of(table, hash, from) else {
                pass.applied.skipped += 1;
                continue;
            };
            self.store.index.prefetch(hash);
            batch.push(Item { hash, piece, entry, draft });
        }
        Ok(false)
    }

    /// Whether the key was there.
    #[inline]
    fn object(
        &self,
        pass: &mut Pass<'_>,
        item: &Item<'_>,
        object: &ObjectEntry<'_>,
    ) -> Result<bool, ReplayError> {
        let Item { hash, piece, entry, .. } = item;
        let mut stripe = self.store.index.write(*hash);
        let present = self.store.present(&stripe, *hash, object.table, object.key);
        if present.is_some_and(|p| p.version >= object.version)
            || self.tombstones.cover(*hash, object.table, object.key, object.version)
        {
            return Ok(present.is_some());
        }
        // C4, C1: the dead log's segments mean nothing here; what this one replaces here, it names.
        let is_killing = self.store.config.rules.on(Rule::C4);
        let replaces = present.filter(|_| is_killing).map(|p| p.segment);
        let appended = if object.replaces == replaces {
            pass.side.append_copy(entry)?
        } else {
            pass.side.append(&EntryDraft::Object(ObjectEntry { replaces, ..*object }))?
        };
        pass.applied.appended += 1;
        pass.bytes[*piece] += entry.bytes().len() as u64;
        let to = index_ref(appended.at);
        let bytes = EntryDraft::Object(ObjectEntry { replaces, ..*object }).encoded_len() as u64;
        match present {
            Some(present) => {
                stripe.replace(present.slot, to);
                stripe.count_replaced(object.table, present.bytes, bytes);
                self.store.log.mark_dead(present.at);
            }
            None => {
                stripe.insert(*hash, to, |to| self.store.hash_of(to));
                stripe.count_added(object.table, bytes);
                pass.objects += 1;
            }
        }
        Ok(present.is_some())
    }

    /// Whether the key was there.
    fn tombstone(
        &self,
        pass: &mut Pass<'_>,
        item: &Item<'_>,
        tombstone: &TombstoneEntry<'_>,
    ) -> Result<bool, ReplayError> {
        let Item { hash, piece, .. } = *item;
        let TombstoneEntry { table, version, key, .. } = *tombstone;
        let mut stripe = self.store.index.write(hash);
        let present = self.store.present(&stripe, hash, table, key);
        if present.is_some_and(|p| p.version > version) {
            return Ok(true); // It covers less than the object that is there.
        }
        // Held whether or not it is appended: what comes later and is covered, is never appended.
        self.tombstones.hold(hash, table, key, version);
        let Some(present) = present else { return Ok(false) };
        // C4: the object was appended, so its tombstone is.
        if self.store.config.rules.on(Rule::C4) {
            let draft = EntryDraft::Tombstone(TombstoneEntry { replaces: present.segment, ..*tombstone });
            pass.side.append(&draft)?;
            pass.applied.appended += 1;
            pass.bytes[piece] += draft.encoded_len() as u64;
        }
        stripe.remove(present.slot);
        stripe.count_removed(table, present.bytes);
        self.store.log.mark_dead(present.at);
        pass.objects -= 1;
        Ok(true)
    }

    /// Makes it part of the log, all or nothing: resolves when the switch to the head that names its segments is
    /// complete (H4). After an error the ranges are purged.
    pub async fn commit(mut self) -> Result<Replayed, LogError> {
        // V1: before the head is made.
        self.store.log.raise_version(Version(self.version_max.load(Ordering::Relaxed)));
        let side = self.side.take().expect("only here it is taken");
        let committed = match side.commit().await {
            Ok(committed) => committed,
            Err(error) => {
                self.purge();
                return Err(error);
            }
        };
        Ok(Replayed {
            created: self.created,
            head: committed.head,
            objects: u64::try_from(self.objects.load(Ordering::Relaxed)).unwrap_or(0),
            bytes: self.bytes(),
        })
    }

    fn purge(&self) {
        for piece in &self.partition.pieces {
            self.store.purge(piece.table, piece.range);
        }
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        // The index first: it must refer to nothing that the side log frees when it is dropped.
        if self.side.is_some() {
            self.purge();
        }
    }
}

#[inline]
fn version_of(draft: &EntryDraft<'_>) -> Version {
    match draft {
        EntryDraft::Object(object) => object.version,
        EntryDraft::Tombstone(tombstone) => tombstone.version,
    }
}
