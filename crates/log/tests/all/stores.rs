//! Stores under test, and what crashes leave of them.

use crate::rig::{Rig, config, poll};
use bytes::Bytes;
use rekindle_log::segment::{SegmentHeader, SegmentReader};
use rekindle_log::store::{Replay, Replayed, Store, StoreConfig};
use rekindle_log::{LogConfig, LogError, SegmentSource};
use rekindle_types::{
    KeyRange, Partition, SegmentId, ServerId, TableId, Tablet, TabletState, TabletVersion, Version,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Poll;

pub const TABLE: TableId = TableId(9);

/// Key to value and version.
pub type Contents = BTreeMap<Vec<u8>, (Vec<u8>, Version)>;

/// A store with the runner of its log.
pub struct StoreRig {
    pub rig: Rig,
    pub store: Arc<Store>,
}

impl StoreRig {
    /// Over a sink that answers at once.
    pub fn answering() -> Self {
        Self::over(Rig::answering())
    }

    /// Over a sink that answers when the test says so.
    pub fn opened() -> Self {
        Self::over(Rig::opened())
    }

    /// With room for many segments.
    pub fn large() -> Self {
        Self::with(LogConfig { segments_max: 200, ..config() })
    }

    /// Over a log of these settings, and a sink that answers at once.
    pub fn with(config: LogConfig) -> Self {
        let mut rig = Rig::new(config);
        rig.answer_all();
        Self::over(rig)
    }

    pub fn over(rig: Rig) -> Self {
        let store = Store::new(rig.log.clone(), StoreConfig { pin_bytes_min: 64, ..StoreConfig::default() });
        Self { rig, store }
    }

    /// See [`contents`].
    pub fn contents(&self) -> Contents {
        contents(&self.store)
    }

    /// See [`read`].
    pub fn read<'a>(&self, keys: impl IntoIterator<Item = &'a Vec<u8>>) -> Contents {
        read(&self.store, keys)
    }

    /// Entries of every segment of the log, as a recovery would get them.
    pub fn segments(&self) -> Vec<(SegmentId, Bytes)> {
        let ids = self.rig.log.segments().into_iter();
        ids.map(|id| {
            let (bytes, certificate) = self.rig.log.pin(id).expect("it is in the log");
            SegmentReader::verified(&bytes, certificate).expect("whole");
            (id, bytes.slice(SegmentHeader::LEN..certificate.length as usize))
        })
        .collect()
    }

    /// Commits, with the runner running.
    pub fn commit(&mut self, replay: Replay) -> Result<Replayed, LogError> {
        let mut commit = Box::pin(replay.commit());
        for _ in 0..100 {
            if let Poll::Ready(result) = poll(&mut commit) {
                return result;
            }
            self.rig.step();
        }
        panic!("the commit does not end");
    }

    /// A new server that has taken over from these segments.
    pub fn recovered(segments: &[(SegmentId, Bytes)]) -> Self {
        let mut new = Self::large();
        let replay = new.store.replay(everything(), 2);
        for (i, (from, entries)) in segments.iter().enumerate() {
            replay.apply_in(i, *from, entries).unwrap();
        }
        new.commit(replay).unwrap();
        new
    }
}

/// All of [`TABLE`], by scans of small pages; each object must come once, in order.
pub fn contents(store: &Store) -> Contents {
    let mut contents = Contents::new();
    let mut range = Some(KeyRange::FULL);
    while let Some(part) = range {
        let (page, _) = store.scan(TABLE, part, 100).into_parts();
        for object in page.objects {
            let fresh =
                contents.insert(object.key.to_vec(), (object.value.to_vec(), object.version)).is_none();
            assert!(fresh, "{:?} was listed twice", object.key);
        }
        range = page.next.and_then(|next| KeyRange::new(next, part.last()));
    }
    contents
}

/// The same by reading keys one by one.
pub fn read<'a>(store: &Store, keys: impl IntoIterator<Item = &'a Vec<u8>>) -> Contents {
    let keys: Vec<&Vec<u8>> = keys.into_iter().collect();
    let requests: Vec<(TableId, &[u8])> = keys.iter().map(|key| (TABLE, &key[..])).collect();
    let objects = store.multi_get(&requests).into_iter().map(|answer| answer.unwrap().into_parts().0);
    let found = keys.iter().zip(objects).filter_map(|(key, object)| Some((key.to_vec(), object?)));
    found.map(|(key, object)| (key, (object.value.to_vec(), object.version))).collect()
}

/// All of [`TABLE`].
pub fn everything() -> Partition {
    partition(KeyRange::FULL, SegmentId(0))
}

pub fn partition(range: KeyRange, created: SegmentId) -> Partition {
    let (owner, version) = (ServerId(1), TabletVersion(1));
    let tablet = Tablet { table: TABLE, range, owner, version, state: TabletState::Recovering, created };
    Partition { pieces: vec![tablet] }
}
