//! Replay of entries from a stranger: damage is refused exactly when there is some and leaves nothing; what is
//! applied makes the store that the entries say, in any order and twice (C4); no version is given again (V1);
//! and the log that it has become is replayed into the same store once more.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rekindle_fuzz::{script, seal_entries};
use rekindle_log::segment::{ObjectEntry, Parsed, SegmentHeader, SegmentReader, TombstoneEntry, entries};
use rekindle_log::store::{Replay, ReplayError, Replayed, Store, StoreConfig};
use rekindle_log::{Log, LogConfig, LogError, SegmentSource, Volatile};
use rekindle_types::{
    KeyRange, LogId, Partition, SegmentId, ServerId, TableId, Tablet, TabletState, TabletVersion, Version,
};
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

const TABLES: u64 = 3;
/// Leaves the log of the store room for versions of its own.
const VERSION_MAX: u64 = 1 << 62;

fuzz_target!(|data: &[u8]| {
    let Some(([flags, at, at_high], input)) = data.split_first_chunk() else { return };
    let at = usize::from(u16::from_le_bytes([*at, *at_high])).min(input.len());
    let (low, high) = input.split_at(at);
    let entries = |input: &[u8]| if flags & 16 == 0 { script(input) } else { input.to_vec() };
    let (mut low, mut high) = (entries(low), entries(high));
    if flags & 1 == 0 {
        seal_entries(&mut low);
        seal_entries(&mut high);
    }
    // Creation positions are 2: what is from segment 1 is of a former life (T2).
    let parts = [
        (SegmentId(1 + u64::from(flags >> 1 & 3)), &low[..]),
        (SegmentId(2), &high[..]),
        (SegmentId(2), &high[..]),
    ];
    let expected = parts.iter().try_fold(Expected::default(), |e, (from, bytes)| e.with(*from, bytes));

    let store = store();
    let replay = store.replay(partition(2), 2);
    let applied = apply(&replay, parts);
    match (&applied, &expected) {
        (Ok(()), Some(expected)) => expected.check(&store),
        (Err(ReplayError::Corrupt(_)), None) | (Err(ReplayError::Log(_)), _) => {}
        _ => panic!("{applied:?}, though {expected:?}"),
    }
    let Some(expected) = expected.filter(|_| applied.is_ok() && flags & 8 == 0) else {
        drop(replay);
        assert_eq!(store.objects(), 0, "a dropped replay leaves nothing");
        return;
    };
    let (replayed, next) = commit(&store, replay).expect("there is room for a head");
    assert_eq!(replayed.objects, expected.objects().count() as u64);
    assert!(replayed.head > replayed.created);
    expected.check(&store);
    assert!(next > expected.version_max, "V1");
    if expected.keys.is_empty() {
        return; // Stores cost time.
    }
    if expected.version_max.0 <= VERSION_MAX {
        once_more(&store, &expected);
    }
    backwards(parts, &expected);
});

/// What the entries say.
#[derive(Clone, Debug, Default)]
struct Expected {
    /// The newest object, of several the first, and the newest tombstone.
    keys: BTreeMap<(TableId, Vec<u8>), (Version, Vec<u8>, Version)>,
    version_max: Version,
}

impl Expected {
    /// `None` when something is damaged.
    fn with(mut self, from: SegmentId, bytes: &[u8]) -> Option<Self> {
        for entry in entries(bytes) {
            let entry = entry.ok()?;
            entry.verify().ok()?;
            let parsed = entry.parse().ok()?;
            if let Parsed::Object(ObjectEntry { key: [], .. })
            | Parsed::Tombstone(TombstoneEntry { key: [], .. }) = parsed
            {
                return None;
            }
            let is_ours = |table: TableId| table.0 < TABLES && from >= SegmentId(2);
            let version = match parsed {
                Parsed::Object(object) => {
                    if is_ours(object.table) {
                        let key = self.keys.entry((object.table, object.key.to_vec())).or_default();
                        if object.version > key.0 {
                            (key.0, key.1) = (object.version, object.value.to_vec());
                        }
                    }
                    object.version
                }
                Parsed::Tombstone(tombstone) => {
                    if is_ours(tombstone.table) {
                        let key = self.keys.entry((tombstone.table, tombstone.key.to_vec())).or_default();
                        key.2 = key.2.max(tombstone.version);
                    }
                    tombstone.version
                }
                Parsed::SafeVersion(safe) => safe.0,
                _ => Version(0),
            };
            self.version_max = self.version_max.max(version);
        }
        (self.version_max.0 <= 1 << 63).then_some(self)
    }

    fn objects(&self) -> impl Iterator<Item = (TableId, &[u8], Version, &[u8])> {
        let alive = self.keys.iter().filter(|(_, (version, _, dead))| version > dead);
        alive.map(|((table, key), (version, value, _))| (*table, &key[..], *version, &value[..]))
    }

    fn check(&self, store: &Store) {
        for (table, key, version, value) in self.objects() {
            let object = store.get(table, key).expect("it can be asked").into_parts().0.expect("it is there");
            assert_eq!((object.version, &object.value[..]), (version, value), "{table} {key:?}");
        }
        assert_eq!(store.objects(), self.objects().count() as u64);
    }
}

fn store() -> Arc<Store> {
    let config =
        LogConfig { segment_bytes: 64 << 10, segments_max: 16, ..LogConfig::new(LogId::of(ServerId(7))) };
    let log = Log::new(config, Arc::new(Volatile)).expect("a small log");
    Store::new(log, StoreConfig::default())
}

/// All of some tables.
fn partition(created: u64) -> Partition {
    let piece = |table| Tablet {
        table: TableId(table),
        range: KeyRange::FULL,
        owner: ServerId(1),
        version: TabletVersion(1),
        state: TabletState::Recovering,
        created: SegmentId(created),
    };
    Partition { pieces: (0..TABLES).map(piece).collect() }
}

fn apply<'a>(
    replay: &Replay,
    parts: impl IntoIterator<Item = (SegmentId, &'a [u8])>,
) -> Result<(), ReplayError> {
    for (lane, (from, bytes)) in parts.into_iter().enumerate() {
        let applied = replay.apply_in(lane, from, bytes)?;
        assert!(applied.appended + applied.skipped <= applied.entries);
    }
    Ok(())
}

/// Commits, while the log runs, and takes the version that comes next.
fn commit(store: &Store, replay: Replay) -> Result<(Replayed, Version), LogError> {
    let mut run = pin!(Arc::clone(store.log()).run());
    let mut commit = pin!(replay.commit());
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1_000 {
        assert!(run.as_mut().poll(&mut context).is_pending(), "the sink never fails");
        if let Poll::Ready(committed) = commit.as_mut().poll(&mut context) {
            return Ok((committed?, store.log().next_version()?));
        }
    }
    panic!("the commit does not end");
}

/// Replays the log of `old`.
fn once_more(old: &Store, expected: &Expected) {
    let segments: Vec<_> = old.log().segments().into_iter().collect();
    let pinned: Vec<_> = segments.iter().map(|id| (*id, old.log().pin(*id).expect("it is there"))).collect();
    for (_, (bytes, certificate)) in &pinned {
        SegmentReader::verified(bytes, *certificate).expect("what the log writes is whole");
    }
    let store = store();
    let replay = store.replay(partition(0), 1);
    let parts = pinned
        .iter()
        .map(|(id, (bytes, certificate))| (*id, &bytes[SegmentHeader::LEN..certificate.length as usize]));
    apply(&replay, parts).expect("it was a whole log");
    commit(&store, replay).expect("there is room for a head");
    expected.check(&store);
}

/// In the other order. Of two objects with one version either may win: no log has two.
fn backwards<'a>(parts: [(SegmentId, &'a [u8]); 3], expected: &Expected) {
    let store = store();
    let replay = store.replay(partition(2), 1);
    if apply(&replay, parts.into_iter().rev()).is_ok() {
        for (table, key, version, _) in expected.objects() {
            let object = store.get(table, key).expect("it can be asked").into_parts().0.expect("it is there");
            assert_eq!(object.version, version, "{table} {key:?}");
        }
        assert_eq!(store.objects(), expected.objects().count() as u64);
    }
}
