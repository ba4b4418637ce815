//! The entities as all batches so far have left them.

use super::{AppendError, EntityId, Record, StoredEntity};
use bytes::Bytes;
use rekindle_types::Lsn;
use std::collections::BTreeMap;

/// What a meta log has recorded, without its history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Image {
    entities: BTreeMap<EntityId, (Lsn, Bytes)>,
    last: Lsn,
    state_bytes: u64,
}

impl Image {
    /// Entities in the order of their ids, each once, after the batch `last`.
    pub fn new(entities: Vec<(EntityId, (Lsn, Bytes))>, last: Lsn) -> Self {
        let state_bytes = entities.iter().map(|(_, (_, state))| state.len() as u64).sum();
        Self { entities: entities.into_iter().collect(), last, state_bytes }
    }

    /// The last batch.
    pub fn last(&self) -> Lsn {
        self.last
    }

    /// How many entities exist.
    pub fn len(&self) -> usize {
        self.entities.len()
    }

    /// Bytes of their states.
    pub fn state_bytes(&self) -> u64 {
        self.state_bytes
    }

    /// All of them, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (EntityId, Lsn, &Bytes)> {
        self.entities.iter().map(|(entity, (version, state))| (*entity, *version, state))
    }

    /// T4: whether what a step had read is still what is there.
    pub fn check(&self, expected: &[(EntityId, Lsn)]) -> Result<(), AppendError> {
        for &(entity, expected) in expected {
            let found = self.entities.get(&entity).map_or(Lsn(0), |(version, _)| *version);
            if found != expected {
                return Err(AppendError::Conflict { entity, expected, found });
            }
        }
        Ok(())
    }

    /// The next batch.
    pub fn record(&mut self, records: impl IntoIterator<Item = Record>) -> Lsn {
        self.last = self.last.next();
        for Record { entity, state } in records {
            self.state_bytes += state.as_ref().map_or(0, Bytes::len) as u64;
            let former = match state {
                Some(state) => self.entities.insert(entity, (self.last, state)),
                None => self.entities.remove(&entity),
            };
            self.state_bytes -= former.map_or(0, |(_, state)| state.len()) as u64;
        }
        self.last
    }

    /// As a new reign reads them.
    pub fn stored(&self) -> Vec<StoredEntity> {
        let stored = |(entity, version, state): (EntityId, Lsn, &Bytes)| {
            let state = state.clone();
            StoredEntity { entity, version, state }
        };
        self.iter().map(stored).collect()
    }
}
