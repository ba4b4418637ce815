//! Reading what is durable, without waiting for what is not (the second way of V3).

use super::lookup::{check_key, index_ref, object_of};
use super::{Answer, Object, Store, StoreError};
use crate::EntryView;
use crate::index::{BeforeImage, IndexRef, StripeRead};
use crate::segment::{ObjectEntry, Parsed};
use rekindle_types::{KeyHash, Position, Rule, TableId, key_hash};

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
        let stripe = self.index.read(hash);
        // Read under the stripe's lock: all changes of its keys up to there are in the index.
        let durable = self.log.durable();
        let newest = self.find(&stripe, hash, table, key, |(_, at), view, object| {
            if view.end() <= durable { Ok(self.object(view, object)) } else { Err(index_ref(at)) }
        });
        let object = match newest {
            Some(Ok(object)) => Some(object),
            None if stripe.removed() <= durable => None,
            newest => {
                let newest = newest.and_then(Result::err);
                let first = self.first_image(&stripe, hash, table, key, durable).map(|image| image.was);
                first.or(newest).and_then(|at| self.unless_made_after(at, durable))
            }
        };
        Answer::new(object, Position::default())
    }

    /// The object, unless its key was absent when the log ended at `durable`. Without an image nothing was there
    /// before the object, so its own append has made it: or it has moved to a side segment, where it counts as its
    /// source does.
    #[cold]
    fn unless_made_after(&self, at: IndexRef, durable: Position) -> Option<Object> {
        let view = self.view(at);
        let is_there = view.end() <= durable || !self.log.is_head(view.segment());
        is_there.then(|| self.object(&view, &object_of(&view)))
    }

    /// The first change that is not durable of an object of the key.
    #[cold]
    fn first_image<'a>(
        &self,
        stripe: &'a StripeRead<'_>,
        hash: KeyHash,
        table: TableId,
        key: &[u8],
        durable: Position,
    ) -> Option<&'a BeforeImage> {
        stripe.images(table, hash, durable).find(|image| match self.view(image.by).parse() {
            Ok(Parsed::Object(object)) => object.key == key,
            Ok(Parsed::Tombstone(tombstone)) => tombstone.key == key,
            other => unreachable!("objects and tombstones change keys, found {other:?}"),
        })
    }

    #[inline]
    pub(super) fn object(&self, view: &EntryView<'_>, object: &ObjectEntry<'_>) -> Object {
        Object { value: self.value_of(view, object), version: object.version }
    }
}
