//! A master's log from outside: what a recovery would find of it now.

use super::ServerLook;
use bytes::Bytes;
use rekindle_log::{
    Log, SegmentSource,
    segment::{Entry, Parsed, SegmentHeader, SegmentReader, entries},
    store::Store,
};
use rekindle_types::{KeyHash, KeyRange, SegmentId, ServerId, TableId, Version, key_hash};
use std::collections::{BTreeMap, BTreeSet};

/// The log of a master, key by key, as far as it is about what the master serves, and what clients would be told of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogLook {
    /// The master.
    pub server: ServerId,
    /// By table and key.
    pub keys: Vec<KeyLook>,
}

/// What there is of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyLook {
    /// Its table.
    pub table: TableId,
    /// The key.
    pub key: Bytes,
    /// The version that a client would be told now; `None` when that the object is absent.
    pub told: Option<Version>,
    /// What a recovery would find now: in the segments that the current digest names, up to what is durable.
    pub found: Vec<EntryLook>,
    /// What it may find later: in segments that the next digests name, or other entries.
    pub aside: Vec<EntryLook>,
}

/// An object or a tombstone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryLook {
    /// Where it is.
    pub segment: SegmentId,
    /// Its version; of a tombstone the newest that it kills.
    pub version: Version,
    /// It is an object; else a tombstone.
    pub is_object: bool,
    /// The segment of the object that it took the place of.
    pub replaces: Option<SegmentId>,
}

impl LogLook {
    /// What is in the log below this store now. `None` when nobody may serve from it: before its first head, after a failure.
    #[must_use]
    pub fn of(server: &ServerLook, store: &Store) -> Option<Self> {
        let log = store.log();
        let head = log.current_head().filter(|_| log.failed().is_none())?;
        let (bytes, certificate) = log.pin(head)?;
        let digest: BTreeSet<SegmentId> =
            SegmentReader::new(&bytes, certificate).ok()?.digest()?.into_iter().collect();
        let mut keys = Keys::of(server);
        // Survivors of a cleaner's pass are known by the entries that killed something there.
        let mut others: BTreeSet<SegmentId> = log.segments().into_iter().collect();
        for segment in &digest {
            keys.read(log, *segment, |key, entry| {
                others.extend(entry.replaces);
                key.found.push(entry);
            });
        }
        for segment in others.difference(&digest) {
            keys.read(log, *segment, |key, entry| key.aside.push(entry));
        }
        Some(Self { server: server.server, keys: keys.told_by(store) })
    }
}

struct Keys {
    /// What is served, and the first segment of its present life there (T2).
    served: Vec<(TableId, KeyRange, SegmentId)>,
    by_table: BTreeMap<TableId, BTreeMap<Bytes, KeyLook>>,
}

impl Keys {
    fn of(server: &ServerLook) -> Self {
        let served = server.tablets.iter().filter_map(|t| Some((t.table, t.range, t.serving?.1)));
        Self { served: served.collect(), by_table: BTreeMap::new() }
    }

    /// Reads what is durable of a segment, if it is in memory.
    fn read(&mut self, log: &Log, segment: SegmentId, mut note: impl FnMut(&mut KeyLook, EntryLook)) {
        let Some((bytes, certificate)) = log.pin(segment) else { return };
        let durable = log.durable();
        let end = if durable.segment == segment { durable.offset } else { certificate.length };
        let whole = entries(&bytes[SegmentHeader::LEN..end as usize]);
        for entry in whole.map_while(Result::ok) {
            let Some((table, key, entry)) = look_at(segment, &entry) else { continue };
            if self.is_served(table, key_hash(table, key), segment) {
                note(self.key(table, key), entry);
            }
        }
    }

    /// T2: what is older than the tablet's present life is not of it.
    fn is_served(&self, table: TableId, hash: KeyHash, segment: SegmentId) -> bool {
        let of = |(t, range, _): &&(TableId, KeyRange, SegmentId)| *t == table && range.contains(hash);
        self.served.iter().find(of).is_some_and(|(_, _, created)| segment >= *created)
    }

    fn key(&mut self, table: TableId, key: &[u8]) -> &mut KeyLook {
        let keys = self.by_table.entry(table).or_default();
        if !keys.contains_key(key) {
            let key = Bytes::copy_from_slice(key);
            keys.insert(key.clone(), KeyLook { table, key, ..KeyLook::default() });
        }
        keys.get_mut(key).expect("it is there, or was put in")
    }

    fn told_by(self, store: &Store) -> Vec<KeyLook> {
        let told = |mut look: KeyLook| {
            let (object, _) = store.get_durable(look.table, &look.key).expect("a valid key").into_parts();
            look.told = object.map(|object| object.version);
            look
        };
        self.by_table.into_values().flat_map(BTreeMap::into_values).map(told).collect()
    }
}

fn look_at<'a>(segment: SegmentId, entry: &Entry<'a>) -> Option<(TableId, &'a [u8], EntryLook)> {
    match entry.parse().ok()? {
        Parsed::Object(object) => {
            let (version, replaces) = (object.version, object.replaces);
            Some((object.table, object.key, EntryLook { segment, version, is_object: true, replaces }))
        }
        Parsed::Tombstone(tombstone) => {
            let (version, replaces) = (tombstone.version, Some(tombstone.replaces));
            Some((tombstone.table, tombstone.key, EntryLook { segment, version, is_object: false, replaces }))
        }
        _ => None,
    }
}
