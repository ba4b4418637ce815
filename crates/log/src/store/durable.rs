//! Reading what is durable, without waiting for what is not (the second way of V3).

use super::lookup::{check_key, index_ref, object_of};
use super::{Answer, Object, Store, StoreError};
use crate::index::{BeforeImage, IndexRef, StripeRead};
use crate::segment::{ObjectEntry, Parsed};
use crate::{EntryRef, EntryView};
use rekindle_types::{KeyHash, Position, Rule, TableId, key_hash};

#[derive(Clone, Copy)]
struct Key<'a> {
    table: TableId,
    key: &'a [u8],
    hash: KeyHash,
}

impl Store {
    /// The object of a key, if there is one, as it is durable: changes under way neither show nor hold the answer
    /// up. [`Store::get`] shows the newest state instead, which may have to wait.
    pub fn get_durable(&self, table: TableId, key: &[u8]) -> Result<Answer<Option<Object>>, StoreError> {
        check_key(key)?;
        Ok(self.durable_hashed(table, key, key_hash(table, key)))
    }

    /// As [`Store::get_durable`], of many keys, in their order; faster than one by one.
    pub fn multi_get_durable(
        &self,
        keys: &[(TableId, &[u8])],
    ) -> Vec<Result<Answer<Option<Object>>, StoreError>> {
        self.get_all(keys, |table, key, hash| self.durable_hashed(table, key, hash))
    }

    #[inline]
    fn durable_hashed(&self, table: TableId, key: &[u8], hash: KeyHash) -> Answer<Option<Object>> {
        if !self.config.rules.on(Rule::V3) {
            return self.get_hashed(table, key, hash);
        }
        let key = Key { table, key, hash };
        let stripe = self.index.read(hash);
        // Every turn but the last, the log has become durable beyond some image of the stripe.
        loop {
            if let Some(object) = self.durable_in(&stripe, key) {
                return Answer::new(object, Position::default());
            }
        }
    }

    /// The key's durable object, if it has one. `None` when an image that it depends on has become history meanwhile.
    #[inline]
    fn durable_in(&self, stripe: &StripeRead<'_>, key: Key<'_>) -> Option<Option<Object>> {
        // Read under the stripe's lock: all changes of its keys up to there are in the index.
        let durable = self.log.durable();
        let newest = self.find(stripe, key.hash, key.table, key.key, |(_, at), view, object| {
            if view.end() <= durable { Ok(self.object(view, object)) } else { Err(index_ref(at)) }
        });
        match newest {
            Some(Ok(object)) => Some(Some(object)),
            None if stripe.removed() <= durable => Some(None),
            newest => self.before_changes(stripe, key, newest.and_then(Result::err), durable),
        }
    }

    /// The object before the key's first change that is not durable. `None` as [`Store::durable_in`].
    #[cold]
    fn before_changes(
        &self,
        stripe: &StripeRead<'_>,
        key: Key<'_>,
        newest: Option<IndexRef>,
        durable: Position,
    ) -> Option<Option<Object>> {
        for image in stripe.images(key.table, key.hash, durable) {
            let by = self.pinned(image.by, image)?;
            let is_of_key = match by.parse() {
                Ok(Parsed::Object(object)) => object.key == key.key,
                Ok(Parsed::Tombstone(tombstone)) => tombstone.key == key.key,
                other => unreachable!("objects and tombstones change keys, found {other:?}"),
            };
            if is_of_key {
                return Some(self.unless_made_after(&self.pinned(image.was, image)?, durable));
            }
        }
        Some(newest.and_then(|at| self.unless_made_after(&self.view(at), durable)))
    }

    /// An entry that an image names. It stays in memory until the image is history, which the log says first: when
    /// it has not said so after the entry was pinned, it is the right one.
    fn pinned(&self, at: IndexRef, image: &BeforeImage) -> Option<EntryView<'_>> {
        let view = self.log.entry(EntryRef::from_bits(at.bits()));
        view.filter(|_| self.log.durable() < image.end)
    }

    /// The object, unless its key was absent when the log ended at `durable`. Without an image nothing was there
    /// before the object, so its own append has made it: or it has moved to a side segment, where it counts as its
    /// source does.
    fn unless_made_after(&self, view: &EntryView<'_>, durable: Position) -> Option<Object> {
        let is_there = view.end() <= durable || !self.log.is_head(view.segment());
        is_there.then(|| self.object(view, &object_of(view)))
    }

    #[inline]
    pub(super) fn object(&self, view: &EntryView<'_>, object: &ObjectEntry<'_>) -> Object {
        Object { value: self.value_of(view, object), version: object.version }
    }
}
