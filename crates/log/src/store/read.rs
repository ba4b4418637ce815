//! Reading single objects.

use super::lookup::check_key;
use super::{Answer, Object, Store, StoreError};
use crate::EntryView;
use crate::segment::ObjectEntry;
use bytes::Bytes;
use rekindle_types::{KeyHash, Position, Rule, TableId, key_hash};

impl Store {
    /// The object of a key, if there is one, in its newest state; the answer may have to wait for it.
    pub fn get(&self, table: TableId, key: &[u8]) -> Result<Answer<Option<Object>>, StoreError> {
        check_key(key)?;
        Ok(self.get_hashed(table, key, key_hash(table, key)))
    }

    /// The objects of many keys, in their order; faster than one by one.
    pub fn multi_get(&self, keys: &[(TableId, &[u8])]) -> Vec<Result<Answer<Option<Object>>, StoreError>> {
        self.get_all(keys, |table, key, hash| self.get_hashed(table, key, hash))
    }

    /// Looks many keys up, with their cache misses overlapped.
    pub(super) fn get_all(
        &self,
        keys: &[(TableId, &[u8])],
        get: impl Fn(TableId, &[u8], KeyHash) -> Answer<Option<Object>>,
    ) -> Vec<Result<Answer<Option<Object>>, StoreError>> {
        let mut answers = Vec::with_capacity(keys.len());
        self.batched(
            keys,
            true,
            |(table, key)| key_hash(*table, key),
            |(table, key), hash| {
                let answer = check_key(key).map(|()| get(*table, key, hash));
                let was_there = answer.as_ref().is_ok_and(|a| a.value().is_some());
                answers.push(answer);
                was_there
            },
        );
        answers
    }

    #[inline]
    pub(super) fn get_hashed(&self, table: TableId, key: &[u8], hash: KeyHash) -> Answer<Option<Object>> {
        let stripe = self.index.read(hash);
        let found =
            self.find(&stripe, hash, table, key, |_, view, object| (self.object(view, object), view.end()));
        match found {
            Some((object, end)) => self.answer(Some(object), end),
            // An absence depends on the tombstone that made it, which is no later than the stripe's last.
            None => self.answer(None, stripe.removed()),
        }
    }

    /// The value, copied when it is short, so that it does not hold a whole segment.
    #[inline]
    pub(super) fn value_of(&self, view: &EntryView<'_>, object: &ObjectEntry<'_>) -> Bytes {
        if object.value.len() < self.config.pin_bytes_min {
            Bytes::copy_from_slice(object.value)
        } else {
            view.to_bytes(object.value)
        }
    }

    /// V3: the answer waits for what it depends on.
    #[inline]
    pub(super) fn answer<T>(&self, value: T, after: Position) -> Answer<T> {
        let after = if self.config.rules.on(Rule::V3) { after } else { Position::default() };
        Answer::new(value, after)
    }
}
